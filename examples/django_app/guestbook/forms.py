"""What a visitor may write."""

from django import forms


class EntryForm(forms.Form):
    """One entry of the guestbook."""

    name = forms.CharField(label="名字", max_length=20)
    text = forms.CharField(label="留言", max_length=60)
