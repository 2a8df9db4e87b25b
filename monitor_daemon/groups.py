"""Exception groups, of which a person is told one error."""


def first(error: BaseException) -> BaseException:
    """The first error in a group, however deep; an error that is no group itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
