"""A file of which a test exchanges some methods."""


class FileStandIn:
    """Does what the file does that it stands for."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
