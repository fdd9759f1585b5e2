"""Writes what real Keras says of its layers, for `layers.rs` beside this file.

    python keras_layers.py OUT.json [FIXTURES]

Run it once with Keras 2.15 and once with Keras 3.15 (the tests read `keras2.json.gz` and
`keras3.json.gz`, made with `gzip -9n`). It holds the public classes of `keras.layers`, one case per
line of CASES (config, shapes, names of the weights in HDF5 and in `.keras`), and the same of every
model below FIXTURES, the oracle's `models` folder.
"""
import inspect
import io
import json
import os
import sys
import tempfile
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py
import keras
import numpy as np

L = keras.layers
MAJOR = int(keras.__version__[0])

# A line is a layer, then the shapes of its inputs (`int:` or `str:` before one is its dtype).
# Batch is None. `;` separates inputs.
CASES = """
L.Activation('relu') | 4
L.Identity() | 4,5
L.Dense(3) | 4
L.Dense(3, use_bias=False) | 6,4
L.EinsumDense('ab,bc->ac', output_shape=5, bias_axes='c') | 4
L.EinsumDense('abc,cde->abde', output_shape=(None, 2, 3), bias_axes='de') | 7,4
L.EinsumDense('...x,xy->...y', output_shape=5) | 6,4
L.EinsumDense('abcd,cde->abe', output_shape=(None, 6), bias_axes='e') | 5,2,3
L.Embedding(10, 3) | int:4
L.Embedding(10, 3, mask_zero=True) | int:4,2
L.ReversibleEmbedding(10, 3) | int:4
L.ReversibleEmbedding(10, 3, tie_weights=False) | int:4
L.Masking() | 4,3
L.Flatten() | 4,3
L.Flatten() | n,3
L.Flatten() | 3,n,2
L.Flatten() | s
L.Flatten(data_format='channels_first') | 4,3,2
L.Reshape((3, 4)) | 12
L.Reshape((-1, 4)) | 3,8
L.Reshape((3, -1)) | n,4
L.Reshape((2, -1, 3)) | 12
L.Permute((2, 1)) | 4,3
L.Permute((3, 1, 2)) | 4,3,n
L.RepeatVector(3) | 4
L.Cropping1D((1, 2)) | 8,3
L.Cropping1D(1) | n,3
L.Cropping2D(((1, 2), (0, 3))) | 8,9,3
L.Cropping2D(1) | 8,9,3
L.Cropping2D((1, 2), data_format='channels_first') | 3,8,9
L.Cropping3D((1, 2, 3)) | 8,9,10,3
L.Cropping3D(((1, 0), (2, 1), (3, 1)), data_format='channels_first') | 2,8,9,10
L.UpSampling1D(3) | 4,2
L.UpSampling1D(2) | n,2
L.UpSampling2D((2, 3)) | 4,5,2
L.UpSampling2D(2, interpolation='bilinear') | n,5,2
L.UpSampling2D((2, 3), data_format='channels_first') | 2,4,5
L.UpSampling3D((2, 3, 1)) | 4,5,6,2
L.UpSampling3D((2, 3, 1), data_format='channels_first') | 2,4,5,6
L.ZeroPadding1D(2) | 4,3
L.ZeroPadding1D((0, 3)) | n,3
L.ZeroPadding2D(((1, 2), (0, 3))) | 4,5,3
L.ZeroPadding2D((1, 2)) | 4,5,3
L.ZeroPadding2D(1, data_format='channels_first') | 3,4,5
L.ZeroPadding3D((1, 2, 3)) | 4,5,6,2
L.ZeroPadding3D(((1, 0), (2, 1), (3, 1)), data_format='channels_first') | 2,4,5,6
L.Conv1D(4, 3) | 8,2
L.Conv1D(4, 3, padding='same', strides=2) | 9,2
L.Conv1D(4, 3, padding='causal', dilation_rate=2) | 9,2
L.Conv1D(4, 3, padding='causal', strides=2, use_bias=False) | n,2
L.Conv1D(4, 3, dilation_rate=2) | 9,2
L.Conv1D(4, 3, groups=2) | 9,2
L.Conv2D(4, 3) | 8,9,2
L.Conv2D(4, (3, 2), padding='same', strides=(2, 3), use_bias=False) | 8,9,2
L.Conv2D(4, 3, dilation_rate=(2, 1)) | 8,9,2
L.Conv2D(4, 3, strides=2) | n,n,2
L.Conv2D(4, 3, data_format='channels_first') | 2,8,9
L.Conv2D(4, 3) | 5,8,9,2
L.Conv3D(4, (3, 2, 1), strides=(1, 2, 1)) | 8,9,5,2
L.Conv3D(4, 2, padding='same', data_format='channels_first') | 2,8,9,5
L.Conv1DTranspose(4, 3) | 8,2
L.Conv1DTranspose(4, 3, strides=2, padding='same') | 8,2
L.Conv1DTranspose(4, 3, strides=3, output_padding=1) | 8,2
L.Conv1DTranspose(4, 3, strides=2, output_padding=0, padding='same') | 8,2
L.Conv2DTranspose(4, 3) | 8,9,2
L.Conv2DTranspose(4, (3, 2), strides=(2, 3), padding='same') | 8,9,2
L.Conv2DTranspose(4, 2, strides=3) | 8,9,2
L.Conv2DTranspose(4, 3, strides=3, output_padding=(2, 1)) | 8,9,2
L.Conv2DTranspose(4, 3, strides=2, padding='same', output_padding=1) | 8,9,2
L.Conv2DTranspose(4, 3, dilation_rate=2) | 8,9,2
L.Conv2DTranspose(4, 3, strides=2) | n,9,2
L.Conv2DTranspose(4, 3, data_format='channels_first', use_bias=False) | 2,8,9
L.Conv3DTranspose(4, 3, strides=2) | 4,5,6,2
L.Conv3DTranspose(4, (3, 2, 1), strides=2, padding='same', output_padding=1) | 4,5,6,2
L.DepthwiseConv1D(3) | 8,2
L.DepthwiseConv1D(3, depth_multiplier=2, padding='same', use_bias=False) | 8,2
L.DepthwiseConv2D(3) | 8,9,2
L.DepthwiseConv2D(3, strides=2, depth_multiplier=3, padding='same') | 8,9,2
L.DepthwiseConv2D((3, 2), dilation_rate=2) | 8,9,2
L.DepthwiseConv2D(3, data_format='channels_first', depth_multiplier=2) | 2,8,9
L.SeparableConv1D(5, 3) | 8,2
L.SeparableConv1D(5, 3, padding='same', strides=2, depth_multiplier=2) | 8,2
L.SeparableConv2D(5, 3) | 8,9,2
L.SeparableConv2D(5, (3, 2), padding='same', strides=2, use_bias=False) | 8,9,2
L.SeparableConv2D(5, 3, data_format='channels_first') | 2,8,9
L.LocallyConnected1D(4, 3) | 8,2
L.LocallyConnected1D(4, 3, strides=2, use_bias=False) | 8,2
L.LocallyConnected2D(4, 3) | 8,9,2
L.LocallyConnected2D(4, (3, 2), strides=2, padding='same', implementation=3) | 8,9,2
L.LocallyConnected2D(4, 3, data_format='channels_first') | 2,8,9
L.MaxPooling1D() | 8,2
L.MaxPooling1D(3, strides=2, padding='same') | 9,2
L.MaxPooling1D(3, data_format='channels_first') | 2,9
L.AveragePooling1D(3, strides=1) | 9,2
L.MaxPooling2D() | 8,9,2
L.MaxPooling2D((2, 3), strides=1, padding='same') | 8,9,2
L.MaxPooling2D((2, 3), data_format='channels_first') | 2,8,9
L.AveragePooling2D(3, strides=2) | n,9,2
L.MaxPooling3D((1, 2, 3)) | 8,9,7,2
L.AveragePooling3D(2, padding='same') | 7,8,9,2
L.AveragePooling3D(2, data_format='channels_first') | 2,7,8,9
L.GlobalAveragePooling1D() | 5,3
L.GlobalAveragePooling1D(keepdims=True) | 5,3
L.GlobalAveragePooling1D(data_format='channels_first') | 3,5
L.GlobalMaxPooling1D() | n,3
L.GlobalMaxPooling1D(data_format='channels_first', keepdims=True) | 3,5
L.GlobalAveragePooling2D() | 5,6,3
L.GlobalAveragePooling2D(keepdims=True) | 5,6,3
L.GlobalMaxPooling2D(data_format='channels_first') | 3,5,6
L.GlobalMaxPooling2D(data_format='channels_first', keepdims=True) | 3,5,6
L.GlobalAveragePooling3D() | 5,6,7,3
L.GlobalMaxPooling3D(data_format='channels_first', keepdims=True) | 3,5,6,7
L.AdaptiveAveragePooling1D(4) | 9,3
L.AdaptiveAveragePooling2D((4, 2)) | 9,8,3
L.AdaptiveAveragePooling2D(3, data_format='channels_first') | 3,9,8
L.AdaptiveAveragePooling3D(2) | 9,8,7,3
L.AdaptiveMaxPooling1D(4) | 9,3
L.AdaptiveMaxPooling2D((4, 2)) | 9,8,3
L.AdaptiveMaxPooling3D(2) | 9,8,7,3
L.SimpleRNN(4) | 5,3
L.SimpleRNN(4, return_sequences=True, return_state=True, use_bias=False) | n,3
L.GRU(4) | 5,3
L.GRU(4, reset_after=False, return_state=True) | 5,3
L.GRU(4, return_sequences=True, dropout=0.2, recurrent_dropout=0.1) | 5,3
L.LSTM(4) | 5,3
L.LSTM(4, return_sequences=True, return_state=True) | 5,3
L.LSTM(4, unit_forget_bias=False, use_bias=False, unroll=True) | 5,3
L.LSTM(4, dropout=0.1) | 5,3
L.RNN(L.LSTMCell(4)) | 5,3
L.RNN(L.GRUCell(4), return_sequences=True, return_state=True) | 5,3
L.RNN(L.SimpleRNNCell(4), return_state=True) | 5,3
L.RNN([L.LSTMCell(4), L.GRUCell(3), L.LSTMCell(2)], return_state=True) | 5,3
L.RNN(L.StackedRNNCells([L.LSTMCell(4, name='a'), L.LSTMCell(5, name='b')]), return_sequences=True) | 5,3
L.RNN([L.SimpleRNNCell(4), L.SimpleRNNCell(2)]) | 5,3
L.ConvLSTM1D(4, 3) | 5,8,2
L.ConvLSTM1D(4, 3, return_sequences=True, padding='same') | 5,8,2
L.ConvLSTM2D(4, 3) | 5,8,9,2
L.ConvLSTM2D(4, (3, 2), strides=2, return_sequences=True, return_state=True) | 5,8,9,2
L.ConvLSTM2D(4, 3, data_format='channels_first', use_bias=False) | 5,2,8,9
L.ConvLSTM2D(4, 3, return_state=True, padding='same', dilation_rate=1) | n,8,9,2
L.ConvLSTM3D(4, 2) | 5,6,7,8,2
L.TimeDistributed(L.Dense(3)) | 5,4
L.TimeDistributed(L.Conv2D(3, 3)) | 5,8,8,2
L.TimeDistributed(L.BatchNormalization()) | n,4
L.TimeDistributed(L.Bidirectional(L.LSTM(3))) | 2,5,4
L.TimeDistributed(keras.Sequential([L.Input((4,)), L.Dense(3), L.BatchNormalization()], name='inner')) | 5,4
L.Bidirectional(L.LSTM(3)) | 5,4
L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode='sum') | 5,4
L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode=None) | 5,4
L.Bidirectional(L.LSTM(3, return_state=True), merge_mode='ave') | 5,4
L.Bidirectional(L.LSTM(3, return_state=True, return_sequences=True)) | 5,4
L.Bidirectional(L.LSTM(3), backward_layer=L.GRU(3, go_backwards=True)) | 5,4
L.Bidirectional(L.RNN(L.LSTMCell(3))) | 5,4
L.Bidirectional(L.RNN([L.LSTMCell(3), L.LSTMCell(2)])) | 5,4
L.Bidirectional(L.ConvLSTM2D(3, 2)) | 5,6,7,2
L.SpectralNormalization(L.Dense(3)) | 4
L.SpectralNormalization(L.Conv2D(3, 2, use_bias=False)) | 4,5,2
L.BatchNormalization() | 4
L.BatchNormalization(scale=False) | 3,4
L.BatchNormalization(center=False, axis=1) | 3,4,5
L.BatchNormalization(scale=False, center=False) | 4
L.BatchNormalization(renorm=True) | 4
L.BatchNormalization(axis=[1, 2]) | 3,4,5
L.LayerNormalization() | 3,4
L.LayerNormalization(scale=False, axis=[1, 2]) | 3,4
L.LayerNormalization(center=False) | 4
L.LayerNormalization(rms_scaling=True) | 4
L.GroupNormalization(2) | 3,4
L.GroupNormalization(-1, scale=False) | 3,4
L.RMSNormalization() | 4
L.UnitNormalization() | 4
L.Normalization() | 4
L.Normalization(axis=None) | 4
L.Normalization(mean=1.0, variance=2.0) | 4
L.Normalization(axis=(1, 2)) | 4,3
L.Attention() | 5,4 ; 6,4
L.Attention(use_scale=True, score_mode='concat') | 5,4 ; 6,4 ; 6,4
L.Attention(use_scale=True) | 5,4 ; 6,3 ; 6,4
L.AdditiveAttention() | 5,4 ; 6,4
L.AdditiveAttention(use_scale=False) | 5,4 ; 6,3 ; 6,4
L.MultiHeadAttention(2, 3) | 5,4 ; 6,4
L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7, use_bias=False) | 5,4 ; 6,4 ; 6,3
L.MultiHeadAttention(2, 3, attention_axes=(1,), dropout=0.1) | 5,4 ; 6,4
L.MultiHeadAttention(2, 3, output_shape=(2, 3)) | 5,4 ; 6,4
L.GroupQueryAttention(3, 4, 2) | 5,4 ; 6,4
L.GroupQueryAttention(3, 4, 2, use_bias=False, dropout=0.1) | 5,4 ; 6,4
L.ReLU() | 4
L.ReLU(max_value=6, negative_slope=0.1) | 4
L.LeakyReLU() | 4
L.PReLU() | 4,5
L.PReLU(shared_axes=[1]) | 4,5
L.ELU() | 4
L.ThresholdedReLU() | 4
L.Softmax() | 4,5
L.Add() | 4 ; 4
L.Add() | 5,4 ; 1,4 ; 5,1
L.Add() | 5,4 ; 4
L.Subtract() | 4 ; 4
L.Multiply() | n,4 ; 1,4
L.Average() | 4 ; 4 ; 4
L.Maximum() | 4 ; 4
L.Minimum() | 4 ; 4
L.Concatenate() | 5,4 ; 5,3
L.Concatenate(axis=1) | 5,4 ; n,4
L.Concatenate(axis=-2) | 5,4 ; 3,4 ; 1,4
L.Dot(1) | 4 ; 4
L.Dot((2, 1)) | 5,4 ; 4,3
L.Dot(-1, normalize=True) | 5,4 ; 6,4
L.Dot((1, 2)) | 5,4,3 ; 6,5
L.Dropout(0.5) | 4
L.Dropout(0.5, seed=1, noise_shape=(None, 4)) | 4
L.SpatialDropout1D(0.5) | 4,5
L.SpatialDropout2D(0.5) | 4,5,6
L.SpatialDropout3D(0.5) | 4,5,6,7
L.GaussianDropout(0.5) | 4
L.GaussianNoise(0.5) | 4
L.AlphaDropout(0.5) | 4
L.ActivityRegularization(0.5) | 4
L.Rescaling(2.0, 1.0) | 4
L.Resizing(4, 5) | 8,9,3
L.Resizing(4, 5, data_format='channels_first') | 3,8,9
L.Resizing(4, 5, crop_to_aspect_ratio=True) | n,n,3
L.CenterCrop(4, 5) | 8,9,3
L.CenterCrop(4, 5, data_format='channels_first') | 3,8,9
L.RandomCrop(4, 5) | 8,9,3
L.RandomFlip() | 8,9,3
L.RandomRotation(0.1) | 8,9,3
L.RandomZoom(0.1) | 8,9,3
L.RandomTranslation(0.1, 0.1) | 8,9,3
L.RandomContrast(0.1) | 8,9,3
L.RandomBrightness(0.1) | 8,9,3
L.RandomHeight(0.1) | 8,9,3
L.RandomWidth(0.1) | 8,9,3
L.RandomColorDegeneration(0.1) | 8,9,3
L.RandomColorJitter((0, 255), 0.1) | 8,9,3
L.RandomErasing() | 8,9,3
L.RandomElasticTransform() | 8,9,3
L.RandomGaussianBlur() | 8,9,3
L.RandomGrayscale() | 8,9,3
L.RandomHue(0.1) | 8,9,3
L.RandomInvert() | 8,9,3
L.RandomPerspective() | 8,9,3
L.RandomPosterization(4) | 8,9,3
L.RandomSaturation(0.1) | 8,9,3
L.RandomSharpness(0.1) | 8,9,3
L.RandomShear(0.1) | 8,9,3
L.AutoContrast() | 8,9,3
L.AugMix() | 8,9,3
L.CutMix() | 8,9,3
L.MixUp() | 8,9,3
L.RandAugment() | 8,9,3
L.Equalization() | 8,9,3
L.Solarization() | 8,9,3
L.ContrastLimitedAdaptiveHistogramEqualization() | 8,9,3
L.Pipeline([L.Rescaling(0.1), L.Resizing(4, 5)]) | 8,9,3
L.CategoryEncoding(5) | int:3
L.CategoryEncoding(5, output_mode='one_hot') | int:1
L.CategoryEncoding(5, output_mode='one_hot') | int:3
L.CategoryEncoding(5, output_mode='count') | int:3
L.CategoryEncoding(5, output_mode='one_hot') | int:s
L.Discretization([0.0, 1.0]) | 3
L.Discretization([0.0, 1.0], output_mode='one_hot') | 1
L.Discretization([0.0, 1.0], output_mode='multi_hot') | 3
L.Discretization(num_bins=4, output_mode='count') | 3
L.Hashing(7) | str:3
L.Hashing(7, output_mode='one_hot') | str:1
L.Hashing(7, output_mode='multi_hot') | str:3
L.HashedCrossing(7) | str:1 ; str:1
L.HashedCrossing(7, output_mode='one_hot') | str:1 ; str:1
L.StringLookup(vocabulary=['a', 'b']) | str:3
L.StringLookup(vocabulary=['a', 'b'], output_mode='one_hot') | str:1
L.StringLookup(vocabulary=['a', 'b'], output_mode='multi_hot', num_oov_indices=2) | str:3
L.StringLookup(vocabulary=['a', 'b'], output_mode='count', pad_to_max_tokens=True, max_tokens=9) | str:3
L.StringLookup(vocabulary=['a', 'b'], output_mode='tf_idf', idf_weights=[0.1, 0.2]) | str:3
L.StringLookup(vocabulary=['a', 'b'], invert=True) | int:3
L.IntegerLookup(vocabulary=[3, 4]) | int:3
L.IntegerLookup(vocabulary=[3, 4], output_mode='one_hot', mask_token=0) | int:1
L.TextVectorization(vocabulary=['a', 'b']) | str:1
L.TextVectorization(vocabulary=['a', 'b'], output_sequence_length=6) | str:1
L.TextVectorization(vocabulary=['a', 'b'], output_mode='multi_hot') | str:1
L.TextVectorization(vocabulary=['a', 'b'], output_mode='count', max_tokens=9, pad_to_max_tokens=True) | str:1
L.MelSpectrogram() | 16000
L.MelSpectrogram(num_mel_bins=20, sequence_stride=100) | n
L.STFTSpectrogram() | 16000,1
L.STFTSpectrogram(mode='stft', frame_length=200, frame_step=100, fft_length=256) | 16000,2
L.STFTSpectrogram(padding='same', expand_dims=True, frame_length=200, frame_step=100) | 16000,2
L.experimental.SyncBatchNormalization() | 4
L.experimental.RandomFourierFeatures(6) | 4
keras.layers.BatchNormalization(synchronized=True) | 4
keras.Sequential([L.Input((4,)), L.Dense(3, trainable=False), L.Dense(2)], name='inner') | 4
lora(L.Dense(3), 4) | 4
lora(L.Embedding(9, 3), 4) | int:4
lora(L.EinsumDense('ab,bc->ac', output_shape=5), 4) | 4
lora(L.Conv2D(4, 3), 8, 9, 2) | 8,9,2
quantized(L.Dense(3), 'int8', 4) | 4
quantized(L.Dense(3), 'int4', 4) | 4
quantized(L.Dense(3), 'float8', 4) | 4
quantized(L.Embedding(9, 4), 'int8', 4) | int:4
quantized(L.Embedding(9, 4), 'int4', 4) | int:4
quantized(L.EinsumDense('ab,bc->ac', output_shape=5, bias_axes='c'), 'int8', 4) | 4
quantized(L.ReversibleEmbedding(9, 4, tie_weights=False), 'int8', 4) | int:4
"""


def lora(layer, *shape):
    layer.build((None, *shape))
    layer.enable_lora(2)
    return layer


def quantized(layer, mode, *shape):
    layer.build((None, *shape))
    layer.quantize(mode)
    return layer


def make_input(text):
    dtype, _, dims = text.strip().rpartition(":")
    dims = [] if dims == "s" else [None if d == "n" else int(d) for d in dims.split(",")]
    return keras.Input(dims, dtype={"": "float32", "int": "int32", "str": "string"}[dtype])


def shapes_of(value):
    if isinstance(value, (list, tuple)) and not all(
        isinstance(dim, (int, type(None))) for dim in value
    ):
        return [shape for item in value for shape in shapes_of(item)]
    if hasattr(value, "shape") and not isinstance(value, (list, tuple)):
        value = value.shape
    return [[dim if dim is None else int(dim) for dim in value]]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def names_in_h5(path):
    with h5py.File(path) as file:
        group = file["model_weights"]
        return [
            [text(layer), [text(name) for name in group[text(layer)].attrs["weight_names"]]]
            for layer in group.attrs["layer_names"]
            if len(group[text(layer)].attrs["weight_names"])
        ]


def groups_in_keras(path):
    groups = {}

    def visit(name, item):
        if isinstance(item, h5py.Group) and (name + "/").endswith("vars/") and len(item):
            groups[name] = [len(item), item.attrs.get("name")]

    with zipfile.ZipFile(path) as archive:
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(visit)
    return groups


def saved(model, folder):
    result = {}
    for key, suffix, read in [("h5", "h5", names_in_h5), ("keras", "keras", groups_in_keras)]:
        path = os.path.join(folder, "model." + suffix)
        try:
            model.save(path)
            result[key] = read(path)
        except Exception as error:  # some layers cannot be saved at all
            result[key] = None
            print("   not saved", suffix, type(error).__name__, str(error)[:100])
    return result


def case(line, folder):
    expression, shapes = line.split("|")
    keras.backend.clear_session()
    inputs = [make_input(shape) for shape in shapes.split(";")]
    layer = eval(expression)
    outputs = layer(inputs[0] if len(inputs) == 1 else inputs) if "HeadAttention" not in line and (
        "QueryAttention" not in line
    ) else layer(*inputs)
    model = keras.Model(inputs, outputs)
    return {
        "case": expression.strip(),
        "class_name": type(layer).__name__,
        "config": plain(layer.get_config()),
        "inputs": shapes_of([tensor.shape for tensor in inputs]),
        "outputs": shapes_of(outputs),
        "weights": [weight.name for weight in layer.weights],
        "trainable": len(layer.trainable_weights),
        **saved(model, folder),
    }


def fixture(folder):
    result = {"model": os.path.basename(folder)}
    h5 = os.path.join(folder, "model.h5")
    archive = os.path.join(folder, "model.keras")
    if os.path.exists(h5):
        with h5py.File(h5) as file:
            result["config"] = json.loads(text(file.attrs["model_config"]))
        result["h5"] = names_in_h5(h5)
    if os.path.exists(archive):
        with zipfile.ZipFile(archive) as file:
            # The same config as in the HDF5 file but for `build_config`, which we do not read.
            result.setdefault("config", json.loads(file.read("config.json")))
        result["keras"] = groups_in_keras(archive)
    if MAJOR == 2 and os.path.exists(h5):
        try:
            model = keras.models.load_model(h5, compile=False, safe_mode=False)
            result["shapes"] = {
                layer.name: shapes_of(layer.get_output_shape_at(0)) for layer in model.layers
            }
        except Exception as error:
            print("   not loaded", result["model"], type(error).__name__, str(error)[:100])
    return result


def main():
    out = {"version": keras.__version__, "classes": sorted(
        name for name in dir(L) if inspect.isclass(getattr(L, name))
    ), "operators": [], "cases": [], "fixtures": []}
    if MAJOR == 3:
        from keras.src.ops.operation import Operation
        from keras.src import ops
        seen = {}
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("keras.src.ops."):
                for name, item in vars(module).items():
                    if inspect.isclass(item) and issubclass(item, Operation) and (
                        item.__module__ == module.__name__ and item is not Operation
                    ):
                        seen[name] = item.__module__
        out["operators"] = sorted(seen.items())
    for line in CASES.strip().splitlines():
        with tempfile.TemporaryDirectory() as folder:
            try:
                out["cases"].append(case(line, folder))
            except Exception as error:
                print("not made:", line, type(error).__name__, str(error).replace("\n", " ")[:120])
    if len(sys.argv) > 2:
        for name in sorted(os.listdir(sys.argv[2])):
            folder = os.path.join(sys.argv[2], name)
            if name.startswith(f"k{MAJOR}_") and (
                os.path.exists(folder + "/model.h5") or os.path.exists(folder + "/model.keras")
            ):
                out["fixtures"].append(fixture(folder))
    with open(sys.argv[1], "w") as file:
        json.dump(out, file, separators=(",", ":"))


main()
