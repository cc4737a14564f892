"""The shop in Flask."""

import hashlib
from io import BytesIO
from urllib.parse import parse_qsl

from flask import Flask, abort, request, send_file

from .peers import FILE, FILE_NAME, GBK_PAGE, Alipay, WeChat

app = Flask(__name__)


@app.get("/wechat")
def join_wechat():
    return request.args["echostr"] if WeChat.verify(request.args) else abort(403)


@app.post("/wechat")
def answer_wechat():
    if not WeChat.verify(request.args):
        abort(403)
    return WeChat.answer(request.get_data()), {"Content-Type": "application/xml"}


@app.post("/alipay")
def alipay_has_notified():
    genuine, subject = Alipay.verify(request.get_data(as_text=True))
    return ("success", {"X-Subject": subject.encode().hex()}) if genuine else abort(400)


@app.get("/alipay")
def alipay_sends_back():
    genuine, subject = Alipay.verify(request.query_string.decode())
    return (subject, 200 if genuine else 400)


@app.post("/form")
def form():
    return request.form["name"]


@app.post("/upload")
def upload():
    file = request.files["file"]
    return {"name": file.filename, "note": request.form["note"], "sha256": hashlib.sha256(file.read()).hexdigest()}


@app.get("/download")
def download():
    return send_file(BytesIO(FILE), "text/csv", as_attachment=True, download_name=FILE_NAME)


@app.get("/")
def index():
    """For a browser: a form that sends a file, and a link that downloads one."""
    return (
        "<form action=/upload method=post enctype=multipart/form-data><input name=note value=谢谢>"
        "<input type=file name=file><button>上传</button></form><a href=/download>下载</a>"
    )


@app.route("/answer", methods=["GET", "POST"])
def answer():
    """What a form of the page in GBK holds."""
    form = request.get_data() if request.method == "POST" else request.query_string
    return dict(parse_qsl(form.decode("ascii"), encoding="gbk"))["name"], {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/old")
def old_page():
    return GBK_PAGE, {"Content-Type": "text/html; charset=gbk"}
