package breach_test

import (
	"context"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/breach"
)

func ExampleBuild() {
	dir, err := os.MkdirTemp("", "breach")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "breached.list")

	download := fmt.Sprintf("%X:1234\n", sha1.Sum([]byte("password1")))
	source := breach.NewSource(strings.NewReader(download), "download", int64(len(download)))
	if _, err := breach.Build(context.Background(), source, path, breach.BuildOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	list, err := breach.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer list.Close()
	for _, password := range []string{"password1", "correct horse"} {
		public, err := list.Password([]byte(password))
		fmt.Println(password, public, err)
	}
	// Output:
	// password1 true <nil>
	// correct horse false <nil>
}
