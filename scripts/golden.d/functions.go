// Functions that the judge knows beyond the built-ins: the pure ones of maand on text, as a Go
// program would write them, and two for tests (sum, fail).
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"text/template"
)

var functions = template.FuncMap{
	"split":     func(s, sep string) []string { return strings.Split(s, sep) },
	"join":      join,
	"trim":      strings.TrimSpace,
	"upper":     strings.ToUpper,
	"lower":     strings.ToLower,
	"replace":   func(old, new, s string) string { return strings.ReplaceAll(s, old, new) },
	"contains":  func(substr, s string) bool { return strings.Contains(s, substr) },
	"hasPrefix": func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"hasSuffix": func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
	"quote":     quote,
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
	"sum":  func(a, b int) int { return a + b },
	"fail": func(s string) (string, error) { return "", errors.New(s) },
}

// values are functions that a case may put into its data with {"$func": name}.
var values = map[string]any{
	"upper": strings.ToUpper,
	"greet": func() string { return "hello" },
	"many":  func(parts ...string) string { return strings.Join(parts, "+") },
	"sum":   func(a, b int) int { return a + b },
}

// join takes any list, and list and separator in either order.
func join(a, b any) (string, error) {
	for _, try := range [][2]any{{a, b}, {b, a}} {
		sep, isText := try[1].(string)
		list := reflect.ValueOf(try[0])
		if !isText || (list.IsValid() && list.Kind() != reflect.Slice) {
			continue
		}
		var parts []string
		for i := 0; list.IsValid() && i < list.Len(); i++ {
			parts = append(parts, fmt.Sprint(list.Index(i).Interface()))
		}
		return strings.Join(parts, sep), nil
	}
	return "", errors.New("join needs a list and a string")
}

func quote(values ...any) string {
	var parts []string
	for _, value := range values {
		if value != nil {
			parts = append(parts, strconv.Quote(fmt.Sprint(value)))
		}
	}
	return strings.Join(parts, " ")
}
