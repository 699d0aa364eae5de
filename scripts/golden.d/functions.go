// Functions that the judge knows beyond the built-ins: the pure ones of maand, as a Go program would write them.
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

var functions = template.FuncMap{
	"split":     func(s, sep string) []string { return strings.Split(s, sep) },
	"join":      func(list []string, sep string) string { return strings.Join(list, sep) },
	"trim":      strings.TrimSpace,
	"upper":     strings.ToUpper,
	"lower":     strings.ToLower,
	"replace":   func(old, new, s string) string { return strings.ReplaceAll(s, old, new) },
	"contains":  func(substr, s string) bool { return strings.Contains(s, substr) },
	"hasPrefix": func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"hasSuffix": func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
	"quote":     func(s string) string { return strconv.Quote(s) },
	"b64enc":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"b64dec": func(s string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err
	},
	"indent": func(n int, s string) string {
		pad := strings.Repeat(" ", n)
		return pad + strings.ReplaceAll(s, "\n", "\n"+pad)
	},
	"nindent": func(n int, s string) string {
		pad := strings.Repeat(" ", n)
		return "\n" + pad + strings.ReplaceAll(s, "\n", "\n"+pad)
	},
	"add": func(a, b int) int { return a + b },
	"sub": func(a, b int) int { return a - b },
	"mul": func(a, b int) int { return a * b },
	"div": func(a, b int) (int, error) {
		if b == 0 {
			return 0, errors.New("division by zero")
		}
		return a / b, nil
	},
	"int":  func(s string) (int, error) { return strconv.Atoi(s) },
	"fail": func(s string) (string, error) { return "", errors.New(s) },
}

// values are functions that a case may put into its data with {"$func": name}.
var values = map[string]any{
	"upper": strings.ToUpper,
	"add":   func(a, b int) int { return a + b },
	"greet": func() string { return "hello" },
	"many":  func(parts ...string) string { return strings.Join(parts, "+") },
	"fail":  func() (string, error) { return "", fmt.Errorf("refused") },
}
