"""Mistakes in what several parts share."""

from tests.mutants.mutant import Mutant

INTERRUPTED = "callbacks/early_stopping/test_requests.py callbacks/early_stopping"

MUTANTS = (
    Mutant(
        "_fit.py",
        "if kind is not None:",
        "if kind is not None and issubclass(kind, Exception):",
        "nothing is put back when Ctrl-C ends a fit",
        INTERRUPTED,
    ),
    Mutant(
        "_interruption.py",
        "            deque(map(signal.raise_signal, numbers), maxlen=0)\n",
        "",
        "a Ctrl-C is swallowed that came while weights were copied",
        "callbacks/early_stopping/test_interruptions.py",
    ),
    Mutant(
        "_interruption.py",
        "    with held, held, held:\n",
        "    with held, held:\n",
        "of several signals the last are swallowed",
        "test_interruption.py",
    ),
    Mutant(
        "_fit.py",
        "with _set(_running, running), running, running, running:",
        "with _set(_running, running), running:",
        "nothing is put back when Ctrl-C comes a second time before it is held back",
        "test_fit.py",
    ),
    Mutant(
        "callbacks/_lock.py",
        "thread_local=False, ",
        "",
        "another thread cannot release a lock",
        "callbacks/test_lock.py",
    ),
    Mutant(
        "_archive.py",
        "refusal = disk.refusal or (",
        "refusal = None and (",
        "a disk that refuses for a moment has damaged the file",
    ),
    Mutant(
        "_archive_tree.py",
        'find(tree[_ARRAY], tree.get("size"), tree.get("crc32"))',
        "find(tree[_ARRAY], None, None)",
        "arrays that were exchanged are taken",
        "test_archive.py",
    ),
    Mutant(
        "_archive_tree.py",
        " and kind.isbuiltin < 2",
        "",
        "float8_e5m2 is written as a type that nobody can read",
        "test_archive.py",
    ),
    Mutant(
        "_npz_members.py",
        "math.prod(shape) != left or",
        "math.prod(shape) > left or",
        "an array may be smaller than its member",
        "test_archive.py",
    ),
    Mutant(
        "_npz_members.py",
        '            content = np.empty(left, "uint8")\n',
        '            content = np.frombuffer(bytearray(member.read()), "uint8")\n',
        "an array is in the memory twice while it is read",
        "test_archive.py",
    ),
    Mutant(
        "_patching.py",
        "        own.update(before)\n",
        "        pass\n",
        "an attribute that was shadowed is gone afterwards",
        "layers/test_mc_predict.py",
    ),
    Mutant(
        "_variable_paths.py",
        '(?:{pattern})(?:/|$)"',
        '(?:{pattern})"',
        "a pattern fits the beginning of a name",
        "optimizers/test_multipliers.py optimizers/test_weight_decay.py",
    ),
    Mutant(
        "_variable_paths.py",
        "if seen[path] > 1 else",
        "if seen[path] > 2 else",
        "the second layer of a name is not told apart",
        "callbacks/gradient_monitor/test_cases.py callbacks/gradient_monitor",
    ),
    Mutant(
        "_validation.py",
        "(value < high if high_open else value <= high)",
        "value <= high",
        "the open end of an interval is no error",
        "optimizers/test_optimizers.py layers/dropout/test_dropout.py",
    ),
    Mutant(
        "_validation.py",
        "Received: {name}={value!r}",
        "Received: {name}={value}",
        "a message does not show that it was given a string",
        "schedules/test_schedules.py schedules optimizers/test_optimizers.py",
    ),
    Mutant(
        "_backend/_torch.py",
        "with torch.no_grad(), torch.random.fork_rng(devices):",
        "with torch.no_grad():",
        "a look at the activations moves the stream that shuffles the data",
        "callbacks/gradient_monitor/test_activation_probe.py",
    ),
    Mutant(
        "_backend/_torch.py",
        "        return _Sum.apply(upstream)\n",
        "        return upstream\n",
        "the gradient of a sum over processes is that of one",
        "layers/batch_normalization/test_statistics.py",
    ),
    Mutant(
        "_backend/_tensorflow.py",
        "tf.distribute.ReduceOp.SUM",
        "tf.distribute.ReduceOp.MEAN",
        "replicas take the mean where the sum is asked for",
        "layers/test_files.py",
    ),
)
