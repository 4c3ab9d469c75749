package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/remit-authz/remit/internal/explain"
)

// style is how a terminal shows a text; empty: as it is.
type style string

// The styles.
const (
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	red    style = "\x1b[31m"
	bold   style = "\x1b[1m"
	faint  style = "\x1b[2m"
)

// palette colours text, where colours are wanted.
type palette struct{ on bool }

func (p palette) paint(s style, text string) string {
	if !p.on || s == "" || text == "" {
		return text
	}
	return string(s) + text + "\x1b[0m"
}

// emphasize paints as explain asks for.
func (p palette) emphasize(e explain.Emphasis, text string) string {
	return p.paint(map[explain.Emphasis]style{
		explain.Allowed: green, explain.Limited: yellow, explain.Denied: red, explain.Title: bold, explain.Quiet: faint,
	}[e], text)
}

// palette has colours only for a terminal, and only as long as neither --no-color nor NO_COLOR forbids them.
func (t Tool) palette() palette {
	noColor := t.noColor != nil && *t.noColor || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return palette{!noColor && isTerminal(t.Out)}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// cell is one of a table.
type cell struct {
	text  string
	style style
}

// plain are cells without a style.
func plain(texts ...string) []cell {
	cells := make([]cell, len(texts))
	for i, text := range texts {
		cells[i].text = text
	}
	return cells
}

// table is printed in columns. The first row is its head.
type table struct{ rows [][]cell }

// row appends one.
func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

// gap is between two columns.
const gap = 3

// print sets the columns as wide as their widest cell. No line ends in blanks.
func (t *table) print(w io.Writer, p palette) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for n, row := range t.rows {
		var line strings.Builder
		blanks := 0
		for i, c := range row {
			if c.text != "" {
				line.WriteString(strings.Repeat(" ", blanks))
				blanks = 0
				if n == 0 {
					c.style = bold
				}
				line.WriteString(p.paint(c.style, c.text))
			}
			blanks += widths[i] - utf8.RuneCountInString(c.text) + gap
		}
		fmt.Fprintln(w, line.String())
	}
}
