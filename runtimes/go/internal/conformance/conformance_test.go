package conformance

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"stampede/runtimes/go/internal/sched"
)

func TestGoConforms(t *testing.T) {
	for _, behaviour := range all {
		if broken := behaviour.Check(sched.Default); broken != nil {
			t.Errorf("%s: %s", behaviour.Name, broken.Reason)
		}
	}
}

func TestNamesAreUniqueAndHaveATheme(t *testing.T) {
	plain, seen := regexp.MustCompile(`^[a-z]+::[a-z0-9_]+$`), map[string]bool{}
	for _, name := range Names() {
		if !plain.MatchString(name) || seen[name] {
			t.Errorf("the name %s", name)
		}
		seen[name] = true
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	if _, err := Select([]string{"join::nonesuch"}); err == nil ||
		!strings.Contains(err.Error(), "`join::nonesuch`") {
		t.Errorf("it says %v", err)
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	release := make(chan struct{})
	tests := map[string]func(*trial){
		"it is so":              func(t *trial) { t.want(false, "it is so") },
		"panicked: for a test":  func(*trial) { panic("for a test") },
		"a goroutine panicked":  func(t *trial) { join(t, do(t, func() { panic("inside") })) },
		"goroutines completed":  func(t *trial) { do(t, func() { <-release }) },
		"with 1 workers: it is": func(t *trial) { t.want(false, "it is") },
	}
	for want, check := range tests {
		broken := Behaviour{"test::test", check}.Check(sched.Default)
		if broken == nil || !strings.Contains(broken.Reason, want) || broken.Hung {
			t.Errorf("%q: %+v", want, broken)
		}
	}
	close(release)
	time.Sleep(short)
}
