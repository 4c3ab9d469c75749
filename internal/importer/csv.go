package importer

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
)

// readCSV reads a table with a head. Commas, semicolons or tabs separate, whichever the head has most of.
func readCSV(f File) (head []string, lines [][]string, err error) {
	data := bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))
	first, _, _ := strings.Cut(string(data), "\n")
	reader := csv.NewReader(bytes.NewReader(data))
	for _, separator := range []rune{';', '\t'} {
		if strings.Count(first, string(separator)) > strings.Count(first, string(reader.Comma)) {
			reader.Comma = separator
		}
	}
	reader.FieldsPerRecord = -1
	all, err := reader.ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: not CSV: %w", f.Name, err)
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%s: empty", f.Name)
	}
	for _, line := range all {
		for i := range line {
			line[i] = strings.TrimSpace(line[i])
		}
	}
	return all[0], all[1:], nil
}

// cell is a cell of a line; empty behind its end.
func cell(line []string, column int) string {
	if column < 0 || column >= len(line) {
		return ""
	}
	return line[column]
}

// column finds the first column whose title, without case and marks, is one of these; -1 where there is none.
func column(head []string, titles ...string) int {
	for _, title := range titles {
		for i, written := range head {
			if slug(written) == title {
				return i
			}
		}
	}
	return -1
}
