"""Two ways of changing a method of moto's; a name that moto no longer has fails at start, not in a test."""

import functools


def replace(cls, name, wrap):
    """cls.name = wrap(the method as it is)"""
    moto = getattr(cls, name)
    setattr(cls, name, functools.wraps(moto)(wrap(moto)))


def after(cls, name, then):
    """then(result, self, *args, **kwargs) runs after the method."""

    def wrap(moto):
        def method(self, *args, **kwargs):
            result = moto(self, *args, **kwargs)
            then(result, self, *args, **kwargs)
            return result

        return method

    replace(cls, name, wrap)
