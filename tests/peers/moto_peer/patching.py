"""Ways of changing a method of moto's.

A name that moto no longer has fails at start, not in a test.
"""

import functools
import inspect


def replace(cls, name, wrap):
    """Sets cls.name to wrap(the present method)."""
    moto = getattr(cls, name)
    setattr(cls, name, functools.wraps(moto)(wrap(moto)))


def after(cls, name, then):
    """Runs then(result, self, *args, **kwargs) after the method."""

    def wrap(moto):
        def method(self, *args, **kwargs):
            result = moto(self, *args, **kwargs)
            then(result, self, *args, **kwargs)
            return result

        return method

    replace(cls, name, wrap)


def around(cls, name, instead):
    """Runs instead(call, self, given) in place of the method.

    `given` holds the arguments by name, however the caller passed them. call(**given) runs moto's
    method.
    """

    def wrap(moto):
        signature = inspect.signature(moto)
        rest = next((it.name for it in signature.parameters.values() if it.kind is it.VAR_KEYWORD), None)

        def method(self, *args, **kwargs):
            given = dict(signature.bind(self, *args, **kwargs).arguments)
            given.pop("self")
            given.update(given.pop(rest, {}))
            return instead(functools.partial(moto, self), self, given)

        return method

    replace(cls, name, wrap)
