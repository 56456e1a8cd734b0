"""Loaders as bad as loaders get."""

import ctypes
import os


def segfault(folder, threads):
    ctypes.string_at(0)


def abort(folder, threads):
    os.abort()


def silence(folder, threads):
    os._exit(0)


def eat(folder, threads):
    eaten = []
    while True:
        eaten.append(bytearray(64 << 20))
