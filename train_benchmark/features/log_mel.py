"""Log-mel features of utterances, as in the original."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.macro import Macro
from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ

LOG_FLOOR = 1e-10
VARIANCE_FLOOR = 1e-3


class LogMel:
    """Log power of HTK mel bands from 0 to 8 kHz.

    Args:
        macro: gives `mel_bins`, `frame_length_s` and `frame_shift_s`.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/datasets/audio_feature.py`:
        frame 400 samples, step 160, FFT 400, periodic Hann window, no centring, log(mel + 1e-10).
    """

    def __init__(self, macro: Macro) -> None:
        self._frame_samples = round(macro.frame_length_s * SAMPLE_RATE_HZ)
        self._transform: Any = torchaudio.transforms.MelSpectrogram(
            sample_rate=SAMPLE_RATE_HZ,
            n_fft=self._frame_samples,
            win_length=self._frame_samples,
            hop_length=round(macro.frame_shift_s * SAMPLE_RATE_HZ),
            center=False,
            power=2.0,
            n_mels=macro.mel_bins,
            f_min=0.0,
            f_max=SAMPLE_RATE_HZ / 2,
            mel_scale="htk",
            norm=None,
        )

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of one utterance.

        Args:
            samples: (n,) in [-1, 1] at 16 kHz.

        Returns:
            (frames, mel_bins) float32.

        Raises:
            UserError: if the utterance is shorter than one frame.
        """
        if samples.shape[0] < self._frame_samples:
            raise UserError(
                f"an utterance must have at least {self._frame_samples} samples (one "
                f"frame), but got {samples.shape[0]}"
            )
        power = self._transform(torch.from_numpy(np.ascontiguousarray(samples)))
        features: NDArray[np.float32] = torch.log(power + LOG_FLOOR).T.contiguous().numpy()
        return features


def normalise(
    features: Sequence[NDArray[np.float32]], train: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], ...]:
    """Normalise each band with mean and variance of the training utterances' frames.

    Args:
        features: utterances to normalise, (frames, mel_bins) each.
        train: training utterances, for mean and variance.

    Source: `(x - m) / sqrt(v + 1e-3)`, SamsungLabs/nb-asr
        `nasbench_asr/training/tf/datasets/preprocess.py`.
    """
    frames = np.concatenate(train).astype(np.float64)
    mean = frames.mean(axis=0)
    scale = 1.0 / np.sqrt(frames.var(axis=0) + VARIANCE_FLOOR)
    return tuple(((x - mean) * scale).astype(np.float32) for x in features)
