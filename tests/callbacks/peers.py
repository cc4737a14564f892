"""WeChat, Alipay and a browser, as they call a shop. The shops in this directory answer them, one in each framework."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

FORM = "application/x-www-form-urlencoded"

# A page in GBK, with forms, which browsers send in the page's charset. The second byte of a character may be ASCII:
# 乗 ends with a backslash.
GBK_TEXT = "龙井茶，乗车 8 元"
GBK_PAGE = (
    f"<title>茶</title><p>{GBK_TEXT}</p>"
    "<form action=/answer method=post id=post><input name=name value=你好，乗><button>发送</button></form>"
    "<form action=/answer id=get><input name=name value=你好，乗><button>发送</button></form>"
).encode("gbk")

# What a browser's user may call a file.
FILE_NAME = "报价单（第 1 版）.csv"
FILE = "\ufeff品名,价格\r\n龙井,128.50\r\n".encode()


class WeChat:
    """Signs with a token that the shop shares, in the query; the message itself is XML."""

    TOKEN = "tea house"
    MESSAGE = (
        "<xml><ToUserName><![CDATA[gh_shop]]></ToUserName><FromUserName><![CDATA[oOpenid]]></FromUserName>"
        "<CreateTime>1777863721</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        "<Content><![CDATA[有龙井吗？ <2 & 3> 😀]]></Content><MsgId>24681012</MsgId></xml>"
    )
    REPLY = "你问的是：有龙井吗？ <2 & 3> 😀"

    @classmethod
    def query(cls, **more):
        """The query of a request, signed."""
        signed = {"timestamp": "1777863721", "nonce": "1320562132"}
        return urlencode({"signature": cls._sign(**signed), **signed, **more})

    @classmethod
    def verify(cls, query):
        """For the shop: whether ``query`` (a mapping) has the right signature."""
        return query.get("signature") == cls._sign(query.get("timestamp", ""), query.get("nonce", ""))

    @classmethod
    def _sign(cls, timestamp, nonce):
        return hashlib.sha1("".join(sorted([cls.TOKEN, timestamp, nonce])).encode()).hexdigest()

    @staticmethod
    def answer(body):
        """For the shop: the XML that answers the XML of a message (bytes)."""
        message = {child.tag: child.text for child in ElementTree.fromstring(body)}
        reply = ElementTree.Element("xml")
        for tag, text in {
            "ToUserName": message["FromUserName"],
            "FromUserName": message["ToUserName"],
            "CreateTime": "1777863722",
            "MsgType": "text",
            "Content": f"你问的是：{message['Content']}",
        }.items():
            ElementTree.SubElement(reply, tag).text = text
        return ElementTree.tostring(reply, encoding="utf-8")


class Alipay:
    """Signs what it sends by RSA2, over the values as text in the charset that it names."""

    KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @classmethod
    def fields(cls, charset):
        """The fields of a notification, with a signature that has ``+``, ``/`` and ``==`` in it."""
        for number in range(100):
            fields = {
                "charset": charset,
                "out_trade_no": f"20260504{number:06}",
                "subject": "明前龙井 50 克 + 茶点 & 茶具",
                "total_amount": "128.50",
                "trade_status": "TRADE_SUCCESS",
                "passback_params": "a=1&b=2%",
            }
            signature = cls.KEY.sign(cls._text(fields).encode(charset), padding.PKCS1v15(), SHA256())
            sign = base64.b64encode(signature).decode()
            if "+" in sign and "/" in sign:
                break
        assert sign.endswith("==")
        return {**fields, "sign": sign, "sign_type": "RSA2"}

    @classmethod
    def body(cls, charset):
        """The body of a notification: a form in ``charset``."""
        return urlencode(cls.fields(charset), encoding=charset)

    @classmethod
    def verify(cls, form):
        """For the shop: whether the text of a form (still percent-encoded) has the right signature, and the subject."""
        charset = dict(parse_qsl(form))["charset"]
        fields = dict(parse_qsl(form, keep_blank_values=True, encoding=charset))
        sign = base64.b64decode(fields.pop("sign"), validate=True)
        del fields["sign_type"]
        try:
            cls.KEY.public_key().verify(sign, cls._text(fields).encode(charset), padding.PKCS1v15(), SHA256())
        except (InvalidSignature, UnicodeEncodeError):
            return False, fields["subject"]
        return True, fields["subject"]

    @staticmethod
    def _text(fields):
        return "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
