package engine

// staffOnly is S5.
func (e *evaluation) staffOnly() bool {
	return e.ruling.basis == byStaff && e.deny(ReasonStaffRequired, e.ruling.objects...)
}
