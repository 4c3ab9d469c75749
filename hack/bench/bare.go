package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"time"

	"crypto/tls"
	"k8s.io/client-go/util/cert"
)

// bareEvaluation is what an AuthZEN request has; a batch has evaluations.
type bareEvaluation struct {
	Subject     bareEntity       `json:"subject"`
	Action      bareEntity       `json:"action"`
	Resource    bareEntity       `json:"resource"`
	Context     map[string]any   `json:"context"`
	Evaluations []bareEvaluation `json:"evaluations"`
}

type bareEntity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties"`
}

// bareDecision has what an allow of Remit has.
type bareDecision struct {
	Decision bool        `json:"decision"`
	Context  bareContext `json:"context"`
}

type bareContext struct {
	Reason   string   `json:"reason"`
	Message  string   `json:"message"`
	Revision string   `json:"revision"`
	Fields   []string `json:"fields"`
}

// bareCommand is a server that reads and writes the JSON of decisions, and decides nothing: what net/http and
// encoding/json cost by themselves.
func bareCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bare", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:8190", "`host:port` to listen at")
	secure := flags.Bool("tls", false, "serve TLS, with a certificate made for it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	decide := func(e *bareEvaluation) bareDecision {
		return bareDecision{e.Subject.ID != "" && e.Resource.Type != "", bareContext{
			"rule", "A rule gives this action (Role/group-has-a-very-long-name-58).", "1022.1022.0.1125.0.0.0.15", []string{"*"},
		}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	handle := func(answer func(*bareEvaluation) any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var request bareEvaluation
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer(&request))
		}
	}
	mux.HandleFunc("POST /access/v1/evaluation", handle(func(e *bareEvaluation) any { return decide(e) }))
	mux.HandleFunc("POST /access/v1/evaluations", handle(func(e *bareEvaluation) any {
		decisions := make([]bareDecision, len(e.Evaluations))
		for i := range e.Evaluations {
			decisions[i] = decide(&e.Evaluations[i])
		}
		return map[string]any{"evaluations": decisions}
	}))
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if *secure {
		certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
		if err != nil {
			return err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return err
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
		err = server.ServeTLS(listener, "", "")
		return ignoreClosed(err)
	}
	return ignoreClosed(server.Serve(listener))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
