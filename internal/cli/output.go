package cli

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// The formats of output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputYAML  = "yaml"
	outputCSV   = "csv"
	outputName  = "name" // names alone, one in a line
)

// output is the flag -o.
type output struct {
	format string
	// formats that the command knows; the first is what it prints unless told otherwise.
	formats []string
}

func newOutput(formats ...string) output { return output{formats: formats} }

func (o *output) addFlag(c *cobra.Command) {
	c.Flags().StringVarP(&o.format, "output", "o", o.formats[0], "How to print the answer: "+strings.Join(o.formats, ", "))
	completeFlag(c, "output", o.formats)
}

// completeFlag completes the value of a flag that takes one of a few words.
func completeFlag(c *cobra.Command, flag string, values []string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there: its adding precedes
	}
}

// validate refuses a format that the command does not know.
func (o *output) validate() error {
	if !slices.Contains(o.formats, o.format) {
		return usagef("--output is %q; it must be one of %s", o.format, strings.Join(o.formats, ", "))
	}
	return nil
}

// printValue prints a value as JSON or YAML.
func printValue(w io.Writer, format string, value any) error {
	if format == outputYAML {
		text, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // it is no web page
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// printCSV prints rows for a spreadsheet, which would take a cell that begins like a formula for one. People choose
// their ids, so such a cell begins with an apostrophe, which a spreadsheet takes for the mark of a text (CWE-1236).
func printCSV(w io.Writer, rows ...[]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = text
			if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
				cells[i] = "'" + text
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
