"""The notes, and a log of what happens to them, in an SQLite database."""

import sqlite3
from threading import Lock

from models import Note, SavedNote

# In each table; older rows go, since everyone may write.
MAX_ROWS = 100

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, text TEXT, due TEXT);
CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT);
"""


class Store:
    """An open database, for all threads.

    ``path`` is a file, or ``:memory:``, which is the memory of one instance: other instances do not see it, and it is
    gone when this one is. Keep real data on a database server.
    """

    def __init__(self, path):
        # FastAPI runs its ``def`` routes in threads: one connection serves them, one statement at a time.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = Lock()
        self._connection.executescript(SCHEMA)
        self.log("opened")

    def close(self):
        """Let go of the database."""
        self.log("closed")
        self._connection.close()

    def add(self, note: Note) -> SavedNote:
        """Keep ``note``, and return it with its id."""
        due = note.due and note.due.isoformat()
        added = self._write("INSERT INTO notes (title, text, due) VALUES (?, ?, ?)", note.title, note.text, due)
        self._write("DELETE FROM notes WHERE id <= ?", added.lastrowid - MAX_ROWS)
        return SavedNote(**note.model_dump(), id=added.lastrowid)

    def delete(self, note_id: int) -> bool:
        """Forget a note, and return whether there was one."""
        return self._write("DELETE FROM notes WHERE id = ?", note_id).rowcount > 0

    def notes(self) -> list[SavedNote]:
        """All notes, the oldest first."""
        rows = self._read("SELECT id, title, text, due FROM notes ORDER BY id")
        return [SavedNote(id=note_id, title=title, text=text, due=due) for note_id, title, text, due in rows]

    def log(self, event: str) -> None:
        """Write down what has happened."""
        added = self._write("INSERT INTO log (event) VALUES (?)", event)
        self._write("DELETE FROM log WHERE id <= ?", added.lastrowid - MAX_ROWS)

    def events(self) -> list[str]:
        """What has happened, the oldest first."""
        return [event for (event,) in self._read("SELECT event FROM log ORDER BY id")]

    def _write(self, statement, *values):
        with self._lock:
            return self._connection.execute(statement, values)

    def _read(self, statement):
        with self._lock:
            return self._connection.execute(statement).fetchall()
