"""How TensorFlow runs streams of batches."""


def ahead(dataset):
    """Batches prepared ahead of whoever takes them, in threads of their own.

    Parameters
    ----------
    dataset : tf.data.Dataset
        Of batches.

    Returns
    -------
    tf.data.Dataset
        With several workers each takes its part of the batches.
    """
    import tensorflow as tf

    options = tf.data.Options()
    # There is nothing to tune, and an iteration that is not taken to its very end, as Keras' epochs
    # and validations are not, waits for the thread that would: about as long as it took, up to 5 s.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.prefetch(4).with_options(options)
