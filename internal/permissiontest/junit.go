package permissiontest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// junitSuites is the root of a JUnit report, as CI systems read it.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string       `xml:"name,attr"`
	Class   string       `xml:"classname,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Seconds string       `xml:"time,attr"`
	Failure *junitDetail `xml:"failure"`
	Error   *junitDetail `xml:"error"`
}

type junitDetail struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes results as a JUnit report: a suite for each PermissionTest, and one named "files" for the
// files that could not be read.
func WriteJUnit(w io.Writer, results []Result, unreadable []error) error {
	report := junitSuites{Tests: len(results) + len(unreadable), Errors: len(unreadable)}
	for i := range results {
		r := &results[i]
		last := len(report.Suites) - 1
		if last < 0 || report.Suites[last].Name != r.Suite || report.Suites[last].Cases[0].File != r.File {
			report.Suites = append(report.Suites, junitSuite{Name: r.Suite})
			last++
		}
		suite := &report.Suites[last]
		c := junitCase{Name: r.Test, Class: r.Suite, File: r.File, Line: r.Line, Seconds: fmt.Sprintf("%.6f", r.Duration.Seconds())}
		if !r.Passed() {
			c.Failure = &junitDetail{Message: "not as expected", Text: strings.Join(r.Lines(), "\n")}
			suite.Failures++
			report.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	if len(unreadable) > 0 {
		files := junitSuite{Name: "files", Tests: len(unreadable), Errors: len(unreadable)}
		for i, err := range unreadable {
			files.Cases = append(files.Cases, junitCase{
				Name: fmt.Sprintf("file %d", i+1), Class: "files", Seconds: "0", Error: &junitDetail{Message: "could not be run", Text: err.Error()},
			})
		}
		report.Suites = append(report.Suites, files)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Lines tell what is not as expected: the error, the differences, and the notes.
func (r *Result) Lines() []string {
	var lines []string
	if r.Err != nil {
		lines = append(lines, r.Err.Error())
	}
	for _, d := range r.Differences {
		lines = append(lines, d.String())
	}
	return append(lines, r.Notes...)
}
