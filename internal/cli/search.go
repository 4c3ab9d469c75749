package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// WhoCanOptions are those of `who-can`.
type WhoCanOptions struct {
	inquiry

	action, resourceType, id string
}

func (t Tool) newWhoCan() *cobra.Command {
	o := &WhoCanOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "who-can ACTION TYPE[/ID]",
		Short: "List the users who may take an action",
		Long: `List the known users who may take an action on a record, or with TYPE alone on no record in particular.

Known are the users that an object names. Who else may – everybody, or those whose claims put them in a
group – is noted below the table.`,
		Example: `  # On the cluster
  kubectl remit who-can update purchase-order/PO-1 -n cin7

  # On manifests, with what the application knows of the record
  kubectl remit who-can read sales-order/SO-1002 --property 'company=Northwind Traders' -f config/samples/erp

  # Names alone, for scripts
  kubectl remit who-can read purchase-order -o name -f config/samples/cin7`,
		Args: exactly("ACTION", "TYPE[/ID]"),
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestActions, suggestRecords),
	}
	o.addFlags(c)
	return c
}

// Complete takes the arguments apart.
func (o *WhoCanOptions) Complete(args []string) error {
	o.action = args[0]
	o.resourceType, o.id, _ = strings.Cut(args[1], "/")
	return o.circumstances.complete(o.Clock)
}

// subjectFound is a result of a search for subjects, as AuthZEN writes it.
type subjectFound struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Run searches and prints.
func (o *WhoCanOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	request, users, err := o.search(d)
	if err != nil {
		return err
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		results := make([]subjectFound, len(users))
		for i, user := range users {
			results[i] = subjectFound{request.Subject.Type, user}
		}
		return printValue(o.Out, o.output.format, map[string]any{"results": results})
	case outputName:
		return printLines(o.Out, users)
	}
	rows, err := o.rows(d, request, users)
	if err != nil {
		return err
	}
	rows = slices.Insert(rows, 0, []string{"user", "reason", "decidedBy"})
	if o.output.format == outputCSV {
		return csv.NewWriter(o.Out).WriteAll(rows)
	}
	if len(users) == 0 {
		fmt.Fprintln(o.Out, "No known user may.")
	} else {
		printTable(o.Out, o.palette(), rows)
	}
	notes, err := o.others(d, request)
	if err != nil {
		return err
	}
	return printLines(o.Out, notes)
}

// search finds the known users who may; the request is the one that was asked for each of them.
func (o *WhoCanOptions) search(d domain) (*engine.Request, []string, error) {
	if err := newActionTable(d).has(o.resourceType, o.action); err != nil {
		return nil, nil, err
	}
	request := o.circumstances.request(d, "", o.action, o.resourceType, o.id)
	users, err := d.SearchSubjects(request, o.circumstances.at.time)
	return request, users, err
}

// rows say for each user why it may, and what decided.
func (o *WhoCanOptions) rows(d domain, request *engine.Request, users []string) ([][]string, error) {
	rows := make([][]string, len(users))
	for i, user := range users {
		request.Subject.ID = user
		decision, err := d.Decide(request, o.circumstances.at.time)
		if err != nil {
			return nil, err
		}
		rows[i] = []string{user, string(decision.Reason), joinRefs(decision.DecidedBy)}
	}
	return rows, nil
}

// others notes who may besides the known users.
func (o *WhoCanOptions) others(d domain, request *engine.Request) (notes []string, err error) {
	for _, other := range []struct{ note, subjectType string }{
		{"Users whom no object names may, too", request.Subject.Type},
		{"Who is not signed in may, too", engine.AnonymousType},
	} {
		request.Subject.Type, request.Subject.ID = other.subjectType, unnamedUser
		decision, err := d.Decide(request, o.circumstances.at.time)
		if err != nil {
			return nil, err
		}
		if decision.Allow {
			notes = append(notes, other.note+": "+decision.Message())
		}
	}
	var claimed []string
	for _, object := range d.Objects(engine.KindGroup) {
		if group, ok := object.(*v1alpha1.Group); ok && len(group.Spec.ExternalGroups) > 0 {
			claimed = append(claimed, group.Name)
		}
	}
	if len(claimed) > 0 {
		notes = append(notes, fmt.Sprintf("Not looked at: who is in a group by its claims alone (%s).", listed(claimed)))
	}
	return notes, nil
}

// unnamedUser stands for whoever no object names; ids in use do not look like it.
const unnamedUser = "(a user whom no object names)"

// WhatCanOptions are those of `what-can`.
type WhatCanOptions struct {
	inquiry

	user, resourceType, id string
}

func (t Tool) newWhatCan() *cobra.Command {
	o := &WhatCanOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "what-can USER [TYPE[/ID]]",
		Short: "List the actions that a user may take",
		Long: `List the actions that a user may take on a record; with TYPE alone on no record in particular; without
either on every resource type, always or depending on the record, the fields, the address or the second factor.`,
		Example: `  # Everything, on the cluster
  kubectl remit what-can richard -n cin7

  # Everything, from manifests
  kubectl remit what-can leisa -f config/samples/cin7

  # One record, with what the application knows of it
  kubectl remit what-can jan@northwind.example sales-order/SO-1002 --property docstatus=0 -f config/samples/erp`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usagef("takes USER [TYPE[/ID]], not %d arguments", len(args))
			}
			return nil
		},
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestUsers, suggestRecords),
	}
	o.addFlags(c)
	return c
}

// Complete takes the arguments apart.
func (o *WhatCanOptions) Complete(args []string) error {
	o.user = args[0]
	if len(args) > 1 {
		o.resourceType, o.id, _ = strings.Cut(args[1], "/")
	}
	return o.circumstances.complete(o.Clock)
}

// Validate checks the format, and that circumstances have something to be the circumstances of.
func (o *WhatCanOptions) Validate() error {
	if o.resourceType == "" {
		for _, p := range []*properties{&o.circumstances.subject, &o.circumstances.action, &o.circumstances.resource, &o.circumstances.context} {
			if len(p.written) > 0 {
				return usagef("--%s needs a TYPE: properties are those of one request", p.flag)
			}
		}
	}
	return o.inquiry.Validate()
}

// Run prints the answer for one type, or the table of all.
func (o *WhatCanOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	if o.resourceType == "" {
		return o.everything(d)
	}
	actions, err := newActionTable(d).of(o.resourceType)
	if err != nil {
		return err
	}
	request := o.circumstances.request(d, o.user, "", o.resourceType, o.id)
	found, err := d.SearchActions(request, o.circumstances.at.time)
	if err != nil {
		return err
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		results := make([]map[string]string, len(found))
		for i, name := range found {
			results[i] = map[string]string{"name": name}
		}
		return printValue(o.Out, o.output.format, map[string]any{"results": results})
	case outputName:
		return printLines(o.Out, found)
	}
	var out table
	out.row(plain("ACTION", "ALLOWED", "WHY")...)
	rows := [][]string{{"action", "allowed", "reason", "message"}}
	for i := range actions {
		request.Action.Name = string(actions[i].Name)
		decision, err := d.Decide(request, o.circumstances.at.time)
		if err != nil {
			return err
		}
		answer := cell{"no", red}
		if decision.Allow {
			answer = cell{"yes", green}
		}
		out.row(cell{text: request.Action.Name}, answer, cell{text: decision.Message()})
		rows = append(rows, []string{request.Action.Name, answer.text, string(decision.Reason), decision.Message()})
	}
	if o.output.format == outputCSV {
		return csv.NewWriter(o.Out).WriteAll(rows)
	}
	out.print(o.Out, o.palette())
	return nil
}

// everything prints the types on which the user may do anything.
func (o *WhatCanOptions) everything(d domain) error {
	permissions := []v1alpha1.EffectivePermission{}
	var names []string
	var out table
	out.row(plain("RESOURCE", "ALWAYS", "DEPENDING", "RESTRICTED BY")...)
	rows := [][]string{{"resource", "allowed", "conditional", "restrictedBy"}}
	for _, p := range d.Effective(o.user, o.circumstances.at.time).Permissions {
		if len(p.Allowed)+len(p.Conditional) == 0 {
			continue
		}
		permissions, names = append(permissions, p), append(names, p.Resource)
		out.row(cell{text: p.Resource}, cell{strings.Join(p.Allowed, ", "), green}, cell{strings.Join(p.Conditional, ", "), yellow},
			cell{text: strings.Join(p.RestrictedBy, ", ")})
		rows = append(rows, []string{p.Resource, strings.Join(p.Allowed, " "), strings.Join(p.Conditional, " "), strings.Join(p.RestrictedBy, " ")})
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		return printValue(o.Out, o.output.format, map[string]any{"results": permissions})
	case outputName:
		return printLines(o.Out, names)
	case outputCSV:
		return csv.NewWriter(o.Out).WriteAll(rows)
	}
	if !d.Knows(o.user) {
		fmt.Fprintf(o.Out, "No object names the user %s; it may do what everybody may.\n", o.user)
	}
	if len(permissions) == 0 {
		fmt.Fprintln(o.Out, "Nothing.")
		return nil
	}
	out.print(o.Out, o.palette())
	return nil
}

// printTable prints rows with their first as the head, in capitals.
func printTable(w io.Writer, p palette, rows [][]string) {
	var out table
	for i, row := range rows {
		cells := plain(row...)
		if i == 0 {
			for n := range cells {
				cells[n].text = heading(cells[n].text)
			}
		}
		out.row(cells...)
	}
	out.print(w, p)
}

// heading is the name of a column, written as in JSON, in capitals: DECIDED BY.
func heading(name string) string {
	var b strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

func printLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func joinRefs(refs []engine.Ref) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	return strings.Join(names, " ")
}
