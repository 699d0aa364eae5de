// Judge for the template language: reads one case per line from stdin, runs it with text/template, writes one result per line.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"
	"unicode/utf8"
)

// Request is one case: the template's text and its data, tagged as described at value().
type Request struct {
	Template string          `json:"template"`
	Data     json.RawMessage `json:"data"`
}

// Result holds what Go printed, or at which stage it refused.
type Result struct {
	Output *string `json:"output,omitempty"`
	Base64 string  `json:"base64,omitempty"`
	Stage  string  `json:"stage,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Context has fields of every basic type, to judge data that is a struct.
type Context struct {
	Job     string
	Index   int
	Ratio   float64
	Ready   bool
	Labels  []string
	Tags    map[string]string
	Nothing any
}

var errTooMuch = errors.New("too much output")

type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > 8<<20 {
		return 0, errTooMuch
	}
	return l.Buffer.Write(p)
}

// value turns tagged JSON into Go data: whole numbers are int, others float64, arrays []any, objects map[string]any;
// {"$float": n}, {"$strings": [...]}, {"$stringMap": {...}}, {"$context": {...}}, {"$func": name} give the other types.
func value(in any) any {
	switch v := in.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = value(item)
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			for key, inner := range v {
				if tagged, ok := tag(key, inner); ok {
					return tagged
				}
			}
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = value(item)
		}
		return out
	}
	return in
}

func tag(key string, inner any) (any, bool) {
	switch key {
	case "$float":
		f, _ := inner.(json.Number).Float64()
		return f, true
	case "$strings":
		out := []string{}
		for _, item := range inner.([]any) {
			out = append(out, item.(string))
		}
		return out, true
	case "$stringMap":
		out := map[string]string{}
		for k, item := range inner.(map[string]any) {
			out[k] = item.(string)
		}
		return out, true
	case "$func":
		return values[inner.(string)], true
	case "$context":
		var c Context
		raw, _ := json.Marshal(inner)
		if err := json.Unmarshal(raw, &c); err != nil {
			panic(err)
		}
		if c.Labels == nil {
			c.Labels = []string{}
		}
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		return c, true
	}
	return nil, false
}

func judge(line []byte) (result Result) {
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		return Result{Stage: "request", Error: err.Error()}
	}
	var data any
	if len(request.Data) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(request.Data))
		decoder.UseNumber()
		if err := decoder.Decode(&data); err != nil {
			return Result{Stage: "request", Error: err.Error()}
		}
	}
	parsed, err := template.New("t").Funcs(functions).Parse(request.Template)
	if err != nil {
		return Result{Stage: "parse", Error: err.Error()}
	}
	var out limited
	if err := parsed.Execute(&out, value(data)); err != nil {
		if errors.Is(err, errTooMuch) {
			return Result{Stage: "limit", Error: err.Error()}
		}
		return Result{Stage: "exec", Error: err.Error()}
	}
	if text := out.String(); utf8.ValidString(text) {
		result.Output = &text
	} else {
		result.Base64 = base64.StdEncoding.EncodeToString(out.Bytes())
	}
	return result
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := encoder.Encode(judge(line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}
