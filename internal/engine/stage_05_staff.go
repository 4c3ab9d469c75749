package engine

// staffOnly denies staffOnly types to who is not staff (S5).
func (e *evaluation) staffOnly() bool {
	return e.ruling.basis == byStaff && e.deny(ReasonStaffRequired, e.ruling.objects...)
}
