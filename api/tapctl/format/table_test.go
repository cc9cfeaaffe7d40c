package format

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableFits(t *testing.T) {
	columns := []Column[[3]string]{
		{Title: "NAME", Value: func(r [3]string) string { return r[0] }, Flex: true},
		{Title: "STATUS", Value: func(r [3]string) string { return r[1] }},
		{Title: "ID", Value: func(r [3]string) string { return r[2] }, Drop: true},
	}

	rows := [][3]string{{"采集服务器名称很长很长", "ready", "0123456789"}, {"", "error", "1"}}
	for name, tc := range map[string]struct {
		width int
		want  string
	}{
		"no terminal": {0,
			"NAME                    STATUS  ID\n" +
				"采集服务器名称很长很长  ready   0123456789\n-                       error   1\n"},
		"id goes": {35,
			"NAME                    STATUS\n采集服务器名称很长很长  ready\n-                       error\n"},
		"name is cut": {20, "NAME          STATUS\n采集服务器…   ready\n-             error\n"},
		"too narrow":  {3, "NAME      STATUS\n采集服…   ready\n-         error\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, Table(&b, columns, rows, Style{Terminal: tc.width}))
			require.Equal(t, tc.want, b.String())
			for line := range strings.Lines(b.String()) {
				if tc.width >= 16 {
					require.LessOrEqual(t, Width(strings.TrimSuffix(line, "\n")), tc.width)
				}
			}
		})
	}
}
