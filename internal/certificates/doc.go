// Package certificates keeps the manager's own authority and certificate in a Secret, renews both before they end, and tells
// the API server whom to trust when it calls the webhooks.
//
// Nobody fails while an authority is replaced: the new one is published beside the old one, in the Secret's ca.crt and in
// the webhook configuration; the certificate changes when everybody has had time to learn it (Options.Overlap); and the old one
// goes when no replica serves its certificate any more.
package certificates
