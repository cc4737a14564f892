"""The shop in Flask."""

import hashlib
from io import BytesIO

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


@app.get("/old")
def old_page():
    return GBK_PAGE, {"Content-Type": "text/html; charset=gbk"}
