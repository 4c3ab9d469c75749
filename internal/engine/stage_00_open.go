package engine

// open is S0: a domain whose namespace is being deleted denies everything, since what restricts may already be gone.
func (e *evaluation) open() bool {
	if e.domain.terminating {
		return e.deny(ReasonDomainTerminating)
	}
	return false
}

// Closed returns the domain as it is while its namespace is being deleted (S0).
func (d *Domain) Closed() *Domain {
	closed := *d
	closed.terminating = true
	return &closed
}

// IsClosed reports whether the domain's namespace is being deleted (S0).
func (d *Domain) IsClosed() bool { return d.terminating }
