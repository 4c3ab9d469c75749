package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// question is the evaluation that the reader sees answered, and may ask again.
const question = `{"subject": {"type": "user", "id": "richard"}, "action": {"name": "update"}, "resource": {"type": "purchase-order", "id": "PO-1042"}}`

// show tells the reader where everything is, what to try, and what one decision looks like.
func show(ctx context.Context, c client.Client, decisions string) {
	kubeconfig := filepath.Join(folder, "kubeconfig")
	fmt.Printf(`
Remit is ready

  Decisions   https://%[1]s/domains/{cin7,inventree,erp,cms}/access/v1/evaluation
              (the certificate is self-made, and every caller on this machine may ask)
  Kubeconfig  %[2]s
  Logs        %[3]s/*.log

Try

  export KUBECONFIG=$PWD/%[2]s
  kubectl get remit -n cin7
  curl -sk -H 'Content-Type: application/json' https://%[1]s/domains/cin7/access/v1/evaluation \
    -d '%[4]s'
  bin/kubectl-remit can leisa update purchase-order/PO-1042 -n cin7

`, decisions, kubeconfig, folder, question)
	if err := explain(ctx, "https://"+decisions+"/domains/cin7/access/v1/evaluation?explain=true"); err != nil {
		fmt.Fprintln(os.Stderr, "make run: asking for a decision:", err)
	}
	if err := effective(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "make run: reading effective permissions:", err)
	}
	fmt.Print("\nCtrl-C stops everything.\n")
}

// explain asks the question and prints the answer, and what the stages said that had something to say.
func explain(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(question))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	// The server is the one started here, on the loopback address; nobody else can vouch for it.
	asker := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := asker.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var answer struct {
		Decision bool `json:"decision"`
		Context  struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
			Trace   []struct {
				Stage   string `json:"stage"`
				Name    string `json:"name"`
				Outcome string `json:"outcome"`
				Entries []struct {
					Object string `json:"object"`
					Said   string `json:"said"`
				} `json:"entries"`
			} `json:"trace"`
		} `json:"context"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	verdict := map[bool]string{true: "Yes", false: "No"}[answer.Decision]
	fmt.Printf("May richard update purchase-order PO-1042 in cin7?\n\n  %s, %s: %s\n\n", verdict, answer.Context.Reason, answer.Context.Message)
	fmt.Print("Why (the same question with ?explain=true):\n\n")
	for _, stage := range answer.Context.Trace {
		fmt.Printf("  %-3s %-22s %s\n", stage.Stage, stage.Name, stage.Outcome)
		for _, entry := range stage.Entries {
			fmt.Printf("        %s %s\n", entry.Object, entry.Said)
		}
	}
	fmt.Println()
	return nil
}

// effective prints what richard may do, from the object that `kubectl get eperm richard -n cin7` shows.
func effective(ctx context.Context, c client.Client) error {
	var richard v1alpha1.EffectivePermissions
	if err := c.Get(ctx, client.ObjectKey{Namespace: "cin7", Name: "richard"}, &richard); err != nil {
		return err
	}
	fmt.Print("What richard may do (kubectl get eperm richard -n cin7 -o yaml):\n\n")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  RESOURCE\tACCESS\tDECIDED BY\tINSTEAD OF")
	for _, p := range richard.Status.Permissions {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", p.Resource, p.Access, strings.Join(p.DecidedBy, ", "), strings.Join(p.Overridden, ", "))
	}
	return table.Flush()
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
