"""Servers for tests in this directory."""

from __future__ import annotations

from tests.support.servers import echo, module_servers, serve

__all__ = ["echo", "module_servers", "serve"]
