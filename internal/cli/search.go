package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
)

// WhoCanOptions are those of `who-can`.
type WhoCanOptions struct{ inquiry }

func (t Tool) newWhoCan() *cobra.Command {
	o := &WhoCanOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "who-can ACTION TYPE[/ID]",
		Short: "List the users who can take an action",
		Long: `List the known users who can take an action on a record. With TYPE alone, list those who can on every record
(always) or on some.

Known users are those that an object names. Who else can – everybody, or users whose claims put them in a
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
	o.asked.Action = args[0]
	o.asked.Type, o.asked.ID, _ = strings.Cut(args[1], "/")
	return nil
}

// subjectFound is a result of a search for subjects, as AuthZEN writes it.
type subjectFound struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	// Answer is always or some, where the question is about a type.
	Answer engine.Extent `json:"answer,omitempty"`
}

// Run searches and prints.
func (o *WhoCanOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	users, err := query.WhoCan(d.Domain, asked)
	if err != nil {
		return err
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		results := make([]subjectFound, len(users.Can))
		for i := range users.Can {
			results[i] = subjectFound{asked.Subject.Type, users.Can[i].User, users.Can[i].Extent}
		}
		return printValue(o.Out, o.output.format, map[string]any{"results": results})
	case outputName:
		names := make([]string, len(users.Can))
		for i := range users.Can {
			names[i] = users.Can[i].User
		}
		return printLines(o.Out, names)
	}
	rows := [][]string{{"user", "reason", "decidedBy"}}
	for i := range users.Can {
		found := &users.Can[i]
		rows = append(rows, []string{found.User, string(found.Decision.Reason), joinRefs(found.Decision.DecidedBy)})
	}
	if asked.IsAboutType() {
		rows[0] = slices.Insert(rows[0], 1, "answer")
		for i := range users.Can {
			rows[i+1] = slices.Insert(rows[i+1], 1, string(users.Can[i].Extent))
		}
	}
	if o.output.format == outputCSV {
		return printCSV(o.Out, rows...)
	}
	if len(users.Can) == 0 {
		fmt.Fprintln(o.Out, "No known user can.")
	} else {
		printTable(o.Out, o.palette(), rows)
	}
	return printLines(o.Out, users.Notes)
}

// WhatCanOptions are those of `what-can`.
type WhatCanOptions struct{ inquiry }

func (t Tool) newWhatCan() *cobra.Command {
	o := &WhatCanOptions{inquiry: t.newInquiry(outputTable, outputJSON, outputYAML, outputName, outputCSV)}
	c := &cobra.Command{
		Use:   "what-can USER [TYPE[/ID]]",
		Short: "List the actions that a user can take",
		Long: `List the actions that a user can take on a record. With TYPE alone, list all actions of the type, each with
always, some or never; without either, list the resource types on which the user can do anything.

Without a TYPE, actions that need a second factor or another network are listed under some.`,
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
	o.asked.User = args[0]
	if len(args) > 1 {
		o.asked.Type, o.asked.ID, _ = strings.Cut(args[1], "/")
	}
	return nil
}

// Validate checks the flags: properties need a type, because they are those of one request.
func (o *WhatCanOptions) Validate() error {
	if flags := (&query.Question{
		Properties: o.asked.Properties, SubjectProperties: o.asked.SubjectProperties,
		ActionProperties: o.asked.ActionProperties, Context: o.asked.Context,
	}).Flags(); o.asked.Type == "" && len(flags) > 0 {
		return usagef("%s needs a TYPE: properties are those of one request", flags[0])
	}
	return o.inquiry.Validate()
}

// actionFound is a result of a search for actions, as AuthZEN writes it.
type actionFound struct {
	Name string `json:"name"`
	// Answer is always or some, where the question is about a type.
	Answer engine.Extent `json:"answer,omitempty"`
}

// Run prints the answer for one type, or for all.
func (o *WhatCanOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	asked, err := o.read(d)
	if err != nil {
		return err
	}
	o.note(query.Unknown(d.Domain, o.asked.User, "", ""))
	if o.asked.Type == "" {
		return o.everything(d, asked)
	}
	actions, err := query.WhatCan(d.Domain, asked)
	if err != nil {
		return err
	}
	results, names := []actionFound{}, []string{}
	for i := range actions {
		if actions[i].Can() {
			results, names = append(results, actionFound{actions[i].Action, actions[i].Extent}), append(names, actions[i].Action)
		}
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		return printValue(o.Out, o.output.format, map[string]any{"results": results})
	case outputName:
		return printLines(o.Out, names)
	}
	head := "answer"
	if !asked.IsAboutType() {
		head = "allowed"
	}
	var out table
	out.row(plain("ACTION", strings.ToUpper(head), "WHY")...)
	rows := [][]string{{"action", head, "reason", "message"}}
	for i := range actions {
		found := &actions[i]
		mark := extentMarks[found.Extent]
		if !asked.IsAboutType() {
			mark = cell{"no", red}
			if found.Decision.Allow {
				mark = cell{"yes", green}
			}
		}
		out.row(cell{text: found.Action}, mark, cell{text: found.Message()})
		rows = append(rows, []string{found.Action, mark.text, string(found.Decision.Reason), found.Message()})
	}
	if o.output.format == outputCSV {
		return printCSV(o.Out, rows...)
	}
	out.print(o.Out, o.palette())
	return nil
}

// extentMarks are how tables show answers about a type.
var extentMarks = map[engine.Extent]cell{
	engine.Always: {string(engine.Always), green}, engine.Some: {string(engine.Some), yellow}, engine.Never: {string(engine.Never), faint},
}

// everything prints the types on which the user can do anything.
func (o *WhatCanOptions) everything(d domain, asked *query.Asked) error {
	found := []query.TypeFound{}
	for _, t := range query.Overview(d.Domain, asked.Subject.ID, asked.At) {
		if len(t.Always)+len(t.Some) > 0 {
			found = append(found, t)
		}
	}
	switch o.output.format {
	case outputJSON, outputYAML:
		return printValue(o.Out, o.output.format, map[string]any{"results": found})
	case outputName:
		names := make([]string, len(found))
		for i := range found {
			names[i] = found[i].Resource
		}
		return printLines(o.Out, names)
	}
	var out table
	out.row(plain("RESOURCE", "ANSWER", "ACTIONS", "RESTRICTED BY")...)
	rows := [][]string{{"resource", "answer", "actions", "restrictedBy"}}
	for i := range found {
		for _, part := range []struct {
			extent  engine.Extent
			actions []string
		}{{engine.Always, found[i].Always}, {engine.Some, found[i].Some}} {
			if len(part.actions) == 0 {
				continue
			}
			var by []string
			if part.extent == engine.Some {
				by = found[i].RestrictedBy
			}
			out.row(cell{text: found[i].Resource}, extentMarks[part.extent], cell{text: strings.Join(part.actions, ", ")}, cell{text: strings.Join(by, ", ")})
			rows = append(rows, []string{found[i].Resource, string(part.extent), strings.Join(part.actions, " "), strings.Join(by, " ")})
		}
	}
	if o.output.format == outputCSV {
		return printCSV(o.Out, rows...)
	}
	if !d.Knows(asked.Subject.ID) {
		fmt.Fprintf(o.Out, "No object names the user %s; it can do what everybody can.\n", asked.Subject.ID)
	}
	if len(found) == 0 {
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
	return strings.Join(engine.RefTexts(refs), " ")
}
