package manager

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"sallyport/internal/cluster/file"
)

// Where edits are kept, the charts of the last hour are, too, in a file beside
// them. They are worth less: nothing waits for that file, it is written now and
// then and at the end, and one that can't be read is forgotten.

// hourPause is how often it is written.
const hourPause = 5 * time.Minute

// hourFile is the file for a file of edits.
func hourFile(edits string) string { return strings.TrimSuffix(edits, ".conf") + ".hour" }

// recallHour takes in the hour of the process before; locked.
func (m *Manager) recallHour() {
	if m.file == "" || m.charts == nil {
		return
	}
	name := hourFile(m.file)
	b, err := os.ReadFile(name)
	if err == nil {
		err = m.charts.Load(b, m.now())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.log(false, "the charts of the last hour begin anew: %s: %v", name, err)
	}
}

// keepHour writes it. It complains once of what it can't do.
func (m *Manager) keepHour() {
	m.mu.Lock()
	edits, charts, owner := m.file, m.charts, m.owner
	m.mu.Unlock()
	if edits == "" || charts == nil || !charts.Wanted() {
		return
	}
	err := file.Replace(hourFile(edits), charts.Save(), owner)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && !m.hourLost {
		m.log(true, "the charts of the last hour will not outlive this process: %v", err)
	}
	m.hourLost = err != nil
}
