"""What a user would pick instead, started and filled for a comparison."""

TITLES = {"etcd": "etcd"}


def start(bench, peer):
    raise NotImplementedError
