"""``doctor`` on what the code reads of its environment, and on what does not outlive an instance."""

from __future__ import annotations

import pytest

from tests.support.shop import PROPS


def said(diagnose, check, *arguments):
    """What the findings of one check say, notes included."""
    report = diagnose(*arguments)[1]
    return [each["message"] for each in report["findings"] if each["check"] == check]


NEEDED = "the code reads variables that s.yaml does not set: "
ALSO = "the code also reads, with a default or a check: "
PYDANTIC = "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
ENVIRON = "import environ\nenv = environ.Env(DEBUG=(bool, False))\nenviron.Env.read_env('.env')\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os\nos.environ['DB']\n", [f"{NEEDED}DB (conf.py, line 2)"]),
        ("from os import environ\nenviron['DB']\n", [f"{NEEDED}DB (conf.py, line 2)"]),
        ("import os\nos.environ['DB']\nos.getenv('DB')\nos.environ['DB']\n", [f"{NEEDED}DB (conf.py, line 2)"]),
        ("import os\nconfig['DB'] = os.environ['DB']\n", [f"{NEEDED}DB (conf.py, line 2)"]),
        ("import os\nos.getenv('A'), os.environ.get('B', 'b')\n", [f"{ALSO}A, B"]),
        ("def app(environ, start_response):\n    environ['PATH_INFO'], environ.get('A')\n", []),
        ("from os import getenv\ngetenv('A')\n", [f"{ALSO}A"]),
        ("import os\nif 'A' in os.environ:\n    os.environ['A']\n", [f"{ALSO}A"]),
        ("import os\ntry:\n    os.environ['A']\nexcept KeyError:\n    pass\n", [f"{ALSO}A"]),
        ("import os\ntry:\n    os.environ['A']\nexcept (ValueError, LookupError):\n    pass\n", [f"{ALSO}A"]),
        ("import os\ntry:\n    os.environ['A']\nexcept:\n    pass\n", [f"{ALSO}A"]),
        ("import os\ntry:\n    os.environ['A']\nexcept OSError:\n    pass\n", [f"{NEEDED}A (conf.py, line 3)"]),
        ("import os\nos.environ['A'] = 'x'\nos.environ.setdefault('B', 'x')\nos.environ['A'], os.environ['B']\n", []),
        (
            "import os\nif __name__ == '__main__':\n    os.environ['A']\nelse:\n    os.environ['B']\n",
            [f"{NEEDED}B (conf.py, line 5)"],
        ),
        ("import os\nos.environ['PATH'], os.environ['FC_REGION'], os.environ['SECRET_KEY'], os.environ[name]\n", []),
        (
            "from decouple import config\nconfig('A'), config('B', default='x')\n",
            [f"{NEEDED}A (conf.py, line 2)", f"{ALSO}B"],
        ),
        (
            f"{ENVIRON}env('A'), env.bool('B', default=True), env.db('C')\n",
            [f"{NEEDED}A (conf.py, line 4), C (conf.py, line 4)", f"{ALSO}B"],
        ),
        (
            f"{PYDANTIC}class S(BaseSettings):\n    db_url: str\n    debug: bool = False\n",
            [f"{NEEDED}DB_URL (conf.py, line 3)", f"{ALSO}DEBUG"],
        ),
        (
            f"{PYDANTIC}class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='SHOP_')\n"
            "    url: str = Field(...)\n"
            "    key: str = Field(alias='KEY')\n    many: list = Field(default_factory=list)\n"
            "    one: str = ...\n    x: int = Field(1)\n"
            "    kind: ClassVar[str] = 'k'\n    _private: int = 1\n\n    class Config:\n        env_prefix = 'SHOP_'\n",
            [
                f"{NEEDED}KEY (conf.py, line 5), SHOP_ONE (conf.py, line 7), SHOP_URL (conf.py, line 4)",
                f"{ALSO}SHOP_MANY, SHOP_X",
            ],
        ),
    ],
)
def test_variables_that_the_code_reads(shop, diagnose, source, expected):
    shop.project.write({"conf.py": source})
    assert said(diagnose, "environment") == expected


@pytest.mark.parametrize("name", ["tests/conf.py", "test_conf.py", "conftest.py", "old/conf.py"])
def test_files_that_no_function_runs_are_not_looked_at(shop, diagnose, name):
    shop.project.write(
        {name: "import os, sqlite3\nos.environ['DB']\nsqlite3.connect('a.db')\nopen('a', 'w')\n", ".fcignore": "/old\n"}
    )
    assert diagnose()[0] == []


BESIDE = "import os, sqlite3\nfrom pathlib import Path\nHERE = Path(__file__).parent\n"
IN_A_FILE = "the code keeps an SQLite database in a file ("


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("import sqlite3\nsqlite3.connect('shop.db')\n", True),
        (
            "import sqlite3\nsqlite3.connect('/tmp/shop.db'), sqlite3.connect(':memory:'), sqlite3.connect(path)\n",
            False,
        ),
        ("import sqlite3\nsqlite3.connect()\n", False),
        ("import sqlite3\nDB = 'shop.db'\nsqlite3.connect(DB)\n", True),
        ("import sqlite3\nDB = '/tmp/shop.db'\nsqlite3.connect(DB)\n", False),
        (f"{BESIDE}sqlite3.connect(HERE / 'shop.db')\n", True),
        (f"{BESIDE}DB = os.path.join(HERE, 'shop.db')\ndef get():\n    return sqlite3.connect(DB)\n", True),
        (f"{BESIDE}DB = '/tmp/shop.db' if os.path.isdir('/tmp') else HERE / 'shop.db'\nsqlite3.connect(DB)\n", False),
        (f"{BESIDE}DB = os.environ.get('SECRET_KEY', HERE / 'shop.db')\nsqlite3.connect(DB)\n", False),
        (f"{BESIDE}DB = HERE / 'shop.db'\nif HERE:\n    DB = '/mnt/shop.db'\nsqlite3.connect(DB)\n", False),
        (f"{BESIDE}DB = DB.parent\nsqlite3.connect(DB)\n", False),
        ("URI = 'sqlite:///shop.db'\n", True),
        ("URI = f'sqlite:///{path}'\n", True),
        ("URI = 'sqlite+aiosqlite:///./shop.db'\n", True),
        ("URI = 'sqlite://'\n", False),
        ("URI = 'sqlite:////mnt/shop/shop.db'\n", False),
        ("URI = 'sqlite:///:memory:'\n", False),
        ("TEXT = f''\n", False),
        ("import os\nURI = os.environ.get('DATABASE_URL', 'sqlite:///shop.db')\n", True),
        ("import os\nURI = os.environ.get('SECRET_KEY', 'sqlite:///shop.db')\n", False),
        (f"{PYDANTIC}class S(BaseSettings):\n    secret_key: str = 'sqlite:///shop.db'\n    pythonpath: str\n", False),
        (f"{PYDANTIC}class S(BaseSettings):\n    database_url: str = 'sqlite:///shop.db'\n", True),
    ],
)
def test_databases_in_files(shop, diagnose, source, is_found):
    shop.project.write({"db.py": source})
    messages = said(diagnose, "database")
    assert [message.startswith(f"{IN_A_FILE}db.py, line ") for message in messages] == [True] * is_found


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("open('data.json', 'w')\n", True),
        ("LOG = 'app.log'\nopen(LOG, 'a')\n", True),
        (f"{BESIDE}UPLOADS = HERE / 'uploads'\n(UPLOADS / name).write_bytes(b'')\n", True),
        ("from pathlib import Path\nUPLOADS = Path('uploads')\nUPLOADS.joinpath(name).write_text('')\n", True),
        ("import pathlib\nopen(pathlib.Path('uploads') / name, 'wb')\n", True),
        ("from pathlib import Path\nPath('/tmp/x').write_text('')\nPath(name).write_text('')\nPath().open()\n", False),
        ("socket.write_text('x')\nHERE = 'x'\nget(HERE).write_text('')\n", False),
        ("open(mode='ab', file='x')\nopen(os.path.join(os.path.dirname(__file__), 'x'), mode='a')\n", True),
        ("open('data.json')\nopen('/tmp/x', 'w')\nopen(path, 'w')\nos.open('x', 'w')\n", False),
        ("from pathlib import Path\nPath('a.txt').open('w')\n", True),
        ("from pathlib import Path\nPath('a.txt').open(), Path('/tmp/a').open('w'), Path('a').open('rb')\n", False),
        ("from PIL import Image\nHERE = 'x'\nImage.open('wax.png')\nHERE.open(mode='q')\n", False),
        ("from pathlib import Path\nPath(f'uploads/{name}').write_bytes(b'')\n", True),
        ("def put(file):\n    file.save('uploads/' + file.filename)\n", True),
        ("import os\ndef put(file):\n    path = os.path.join('uploads', file.filename)\n    file.save(path)\n", True),
        (
            "import os\ndef put(f, path):\n    path = os.path.join('up', f)\ndef get(f, path):\n    f.save(path)\n",
            False,
        ),
        (
            "import os\ndef put(file):\n    file.save(os.path.join('/tmp', file.filename))\n    file.save(file.name)\n",
            False,
        ),
        ("from pathlib import Path\n(Path('up').resolve() / name).write_text('')\n", True),
        ("from pathlib import Path\n(Path('/tmp/up').resolve() / name).write_text('')\n", False),
        ("image.save('a.png')\n", True),
        ("model.save()\nform.save('mode')\nsession.save(True)\nstorage.save('a.png', content)\nsave('a.png')\n", False),
        (
            "import aiofiles\nasync def put(name):\n    async with aiofiles.open(f'up/{name}', 'wb'):\n        pass\n",
            True,
        ),
        (
            "open(f'file:{name}', 'w')\nopen(f'{name}', 'w')\nopen(f'', 'w')\nopen(a * b, 'w')\nopen(str(), 'w')\n",
            False,
        ),
        ("import logging.handlers\nlogging.handlers.RotatingFileHandler('app.log')\n", True),
        ("import logging\nlogging.basicConfig(filename='app.log')\n", True),
        ("import logging\nlogging.basicConfig(level='INFO')\nlogging.FileHandler('/tmp/app.log')\n", False),
    ],
)
def test_files_beside_the_code(shop, diagnose, source, is_found):
    shop.project.write({"data.py": source})
    messages = said(diagnose, "files")
    assert [message.startswith("the code writes files beside itself (data.py, line ") for message in messages] == [
        True
    ] * is_found


LOOP = "import threading\n\n\ndef work():\n    while {}:\n        {}\n\n\nthreading.Thread(target={}).start()\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (LOOP.format("True", "poll()", "work"), "a thread has an endless loop (jobs.py, line 9)"),
        (LOOP.format("1", "poll()", "work"), "a thread has an endless loop (jobs.py, line 9)"),
        (LOOP.format("True", "break", "work"), ""),
        (LOOP.format("running", "poll()", "work"), ""),
        (LOOP.format("True", "poll()", "other"), ""),
        (
            "from apscheduler.schedulers.background import BackgroundScheduler\nBackgroundScheduler()\n",
            "the code has a scheduler (jobs.py, line 2)",
        ),
        ("import schedule\nschedule.run_pending()\n", "the code has a scheduler (jobs.py, line 2)"),
        ("from mine import BackgroundScheduler\nBackgroundScheduler()\n", ""),
        ("import threading\nthreading.Thread()\n", ""),
    ],
)
def test_threads_and_schedulers(shop, diagnose, source, message):
    shop.project.write({"jobs.py": source})
    assert said(diagnose, "threads") == [message] * bool(message)


def test_what_was_seen_is_not_guessed_as_well(shop, diagnose):
    source = "import threading, time\n\n\ndef work():\n    while True:\n        time.sleep(1)\n\n\n"
    source += "threading.Thread(target=work, name='w', daemon=True).start()\nopen('x', 'w').close()\n"
    shop.project.write(
        {"app.py": source + "\n\ndef app(environ, start_response):\n    start_response('200 OK', [])\n    return []\n"}
    )
    found = [(check, message) for _, check, message in diagnose(imports=True)[0]]
    assert found == [
        ("threads", "the thread w goes on after the request (app.py, line 4)"),
        ("files", "the function writes files beside its code: x"),
    ]


def test_a_file_that_get_writes_hides_no_upload(shop, diagnose):
    shop.project.write(
        {
            "app.py": "LOG = 'log/last.txt'\n\n\n"
            "def upload(file):\n    file.save(f'uploads/{file.filename}')\n\n\n"
            "def app(environ, start_response):\n"
            "    open(LOG, 'w').close()\n    start_response('200 OK', [])\n    return []\n",
            "log/.keep": "",
        }
    )
    found = [(check, message) for _, check, message in diagnose(imports=True)[0]]
    assert found == [
        ("files", "the function writes files beside its code: log/last.txt"),
        ("files", "the code writes files beside itself (app.py, line 5)"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("TOKEN_URL", "https://sso.example.com/token", False),
        ("PASSWORD_MIN_LENGTH", "8", False),
        ("PASSWORD_HASHER", "argon2", False),
        ("TOKENIZER", "jieba", False),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "thirty", False),
        ("SECRET_KEY_FILE", "/mnt/keys/secret", False),
        ("CSRF_TOKEN_HEADER", "X-CSRF", False),
        ("MONKEY", "banana", False),
        ("USE_TOKEN", "true", False),
        ("jwtSecret", "s3cr3tvalue", True),
        ("DB_PWD", "hunter2", True),
        ("OPENAI_API_KEY", "sk-abcdef", True),
        ("apiKey", "abcdef", True),
        ("REDIS", "redis://:hunter2@10.0.0.1:6379/0", True),
        ("DB_URL", "mysql://root:${env('SECRET_KEY')}@10.0.0.1/shop", False),
        ("DB_PASSWORD", "prefix-${env('SECRET_KEY')}", True),
    ],
)
def test_what_is_a_secret(shop, diagnose, name, value, is_secret):
    shop.configure(environmentVariables={**PROPS["environmentVariables"], name: value})
    assert [message.startswith("s.yaml holds the values of") for message in said(diagnose, "secrets")] == [
        True
    ] * is_secret


def test_secrets_in_lists_of_vars(shop, diagnose):
    text = shop.project.read("s.yaml").replace(
        "name: shop\n", "name: shop\nvars: {dbs: [{password: hunter22}], n: 1}\n", 1
    )
    shop.project.write({"s.yaml": text})
    assert said(diagnose, "secrets") == ["s.yaml holds the values of vars.dbs[0].password"]
