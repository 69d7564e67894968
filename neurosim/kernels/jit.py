"""Every jit flag of the project, and the few primitives that Python does not have.

`kernel` compiles a function on arrays and scalars. `entry` makes one of the fixed signature
``int64(ctx, lo, hi, step)`` callable through its address, so that one compiled loop can run
models it has never seen. With ``NUMBA_DISABLE_JIT=1`` everything here has a plain Python form and
the same kernels run as ordinary functions, on one thread.

Flags: "nsz" and "contract" only, and in an `exact_entry` "nsz" alone. "reassoc" would make results
depend on where a block ends, and "nnan"/"ninf" let the compiler delete every finiteness check
(measured: `x != x` finds no NaN under them). error_model="numpy" drops the branch for division by
zero that would stop vectorisation.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from neurosim.kernels.cache import compiled_directory

JIT: bool = not numba.config.DISABLE_JIT
"""False under ``NUMBA_DISABLE_JIT=1``."""

FLAGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"nsz", "contract"},
}

# The loop vectoriser gives up where more than 8 pairs of pointers would have to be proved
# distinct at run time; a neuron model has a dozen arrays.
binding.set_option("neurosim", "--runtime-memory-check-threshold=1000")
binding.set_option("neurosim", "--memory-check-merge-threshold=10000")

EXACT_FLAGS: dict[str, Any] = {**FLAGS, "fastmath": {"nsz"}}
"""Without "contract": a product and a sum are rounded one by one wherever they stand, in a vector,
in what is left of it, or before the loop."""

Function = TypeVar("Function", bound=Callable[..., Any])


class _Locator:
    """Tells numba to keep machine code in our own, completely keyed directory."""

    def __init__(self, function: Any, path: str) -> None:
        self._line = function.__code__.co_firstlineno
        self._py_file = path

    @classmethod
    def from_function(cls, function: Any, path: str) -> _Locator:
        return cls(function, path)

    def ensure_cache_path(self) -> None:
        compiled_directory().mkdir(mode=0o700, parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(compiled_directory())

    def get_source_stamp(self) -> str:
        return "named by its directory"

    def get_disambiguator(self) -> str:
        return str(self._line)


class _CacheImpl(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar[list[type]] = [_Locator]


class _KernelCache(FunctionCache):  # type: ignore[misc]
    _impl_class = _CacheImpl


def kernel(function: Function) -> Function:
    """Compile `function` on first use, for the types it is called with; kept between processes."""
    if not JIT:
        return function
    dispatcher = numba.njit(**FLAGS)(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher  # type: ignore[no-any-return]


def inlined(function: Function) -> Function:
    """Compile `function` into its callers, always: a loop around a call is not vectorised."""
    if not JIT:
        return function
    return numba.njit(**FLAGS, forceinline=True)(function)  # type: ignore[no-any-return]


class Entry:
    """A function ``int64(int64 ctx, int64 lo, int64 hi, int64 step)`` with an address.

    It is compiled (or fetched from the cache) when its address is first asked for.
    """

    _uncompiled: ClassVar[dict[int, Callable[[int, int, int, int], int]]] = {}

    def __init__(
        self, function: Callable[[int, int, int, int], int], flags: dict[str, Any] = FLAGS
    ) -> None:
        self.source = function
        self.flags = flags
        self.__doc__ = function.__doc__

    @cached_property
    def _compiled(self) -> Any:
        arguments = (types.int64,) * 4
        compiled: Any = CFunc(self.source, (arguments, types.int64), locals={}, options=self.flags)
        compiled._cache = _KernelCache(self.source)
        compiled.compile()
        return compiled

    @cached_property
    def address(self) -> int:
        """What `call_entry` calls; to be stored in a table."""
        if JIT:
            return int(self._compiled.address)
        address = len(self._uncompiled) + 1
        self._uncompiled[address] = self.source
        return address

    @property
    def function(self) -> Callable[[int, int, int, int], int]:
        """The same as a Python function."""
        return self._compiled.ctypes if JIT else self.source

    @property
    def from_cache(self) -> bool:
        """Whether the machine code came from an earlier process."""
        return bool(JIT and self._compiled.cache_hits)

    def assembly(self) -> str:
        """Return the machine code as text, to see what the compiler made of it."""
        return str(self._compiled._library.get_asm_str())

    def llvm(self) -> str:
        """Return the optimised LLVM code as text."""
        return str(self._compiled._library.get_llvm_str())


def entry(function: Callable[[int, int, int, int], int]) -> Entry:
    """Give `function` an address; it is compiled when the address is first asked for."""
    return Entry(function)


def exact_entry(function: Callable[[int, int, int, int], int]) -> Entry:
    """As `entry`, with every operation rounded by itself.

    What is computed of one element then depends neither on how many others there are nor on
    whether a parameter is one number or an array.
    """
    return Entry(function, EXACT_FLAGS)


FLUSH = -1
"""What `set_flushing` is called with to flush denormal numbers: they cost a hundred cycles each
(measured: a silent population, whose currents have decayed so far, took 18 ns a neuron, not 1)."""

_FTZ_AND_DAZ = 0x8040
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


def function_at(address: int) -> Callable[[int, int, int, int], int]:
    """Return the entry at an address as a Python function."""
    if not JIT:
        return Entry._uncompiled[address]
    word = ctypes.c_int64
    return ctypes.CFUNCTYPE(word, word, word, word, word)(address)


if JIT:

    @intrinsic
    def as_pointer(typing_context: Any, address: Any) -> Any:
        """Turn an integer address into a pointer."""
        signature = types.voidptr(types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

        return signature, generate

    @intrinsic
    def call_entry(typing_context: Any, address: Any, ctx: Any, lo: Any, hi: Any, step: Any) -> Any:
        """Call the entry at `address`."""
        signature = types.int64(*(types.int64,) * 5)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            pointer = ir.FunctionType(word, [word] * 4).as_pointer()
            return builder.call(builder.inttoptr(arguments[0], pointer), list(arguments[1:]))

        return signature, generate

    @intrinsic
    def atomic_add(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
        """Add to one element of an int64 array as one indivisible act; returns the old value."""
        signature = types.int64(array, types.intp, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.gep(view.data, [arguments[1]])
            return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

        return signature, generate

    @intrinsic
    def atomic_load(typing_context: Any, array: Any, index: Any) -> Any:
        """Read one element of an int64 array that another thread may be writing."""
        signature = types.int64(array, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.gep(view.data, [arguments[1]])
            return builder.load_atomic(place, "acquire", 8)

        return signature, generate

    @intrinsic
    def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
        """Ask for the cache line of one element; a hint, for any index whatever."""
        signature = types.void(array, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.bitcast(
                builder.gep(view.data, [arguments[1]]), ir.IntType(8).as_pointer()
            )
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
            # For reading, into all levels of the cache, data.
            builder.call(function, [place, word(0), word(3), word(1)])
            return context.get_dummy_value()

        return signature, generate

    _posix = sys.platform != "win32"
    _yield_symbol = types.ExternalFunction(
        "sched_yield" if _posix else "SwitchToThread", types.int32()
    )

    @kernel
    def yield_processor() -> None:
        """Let another thread of the machine run."""
        _yield_symbol()

    @intrinsic
    def set_flushing(typing_context: Any, word: Any) -> Any:
        """Set this thread's floating-point control word; returns the old one.

        With FLUSH the word is the old one with denormal numbers flushed to zero. Only x86 has a
        control word here; elsewhere nothing changes, and denormals are slow.
        """
        signature = types.int32(types.int32)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            integer = ir.IntType(32)
            if not _X86:
                return integer(0)
            place = builder.alloca(integer)
            address = builder.bitcast(place, ir.IntType(8).as_pointer())
            kind = ir.FunctionType(ir.VoidType(), [address.type])
            module = builder.module
            store = module.declare_intrinsic("llvm.x86.sse.stmxcsr", [], kind)
            load = module.declare_intrinsic("llvm.x86.sse.ldmxcsr", [], kind)
            builder.call(store, [address])
            old = builder.load(place)
            flushing = builder.icmp_signed("==", arguments[0], integer(FLUSH))
            new = builder.select(flushing, builder.or_(old, integer(_FTZ_AND_DAZ)), arguments[0])
            builder.store(new, place)
            builder.call(load, [address])
            return old

        return signature, generate

    @inlined
    def add32(a: Any, b: Any) -> Any:
        """Add two uint32 modulo 2^32: numba alone would make it an uint64."""
        return np.uint32(a + b)

    @inlined
    def rotate32(a: Any, bits: Any) -> Any:
        """Rotate an uint32 to the left by 1 to 31 bits."""
        return np.uint32(np.uint32(a << np.uint32(bits)) | np.uint32(a >> np.uint32(32 - bits)))

    @kernel
    def float64_at(address: Any, n: Any) -> Any:
        """View n float64 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.float64)

    @kernel
    def float32_at(address: Any, n: Any) -> Any:
        """View n float32 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.float32)

    @inlined
    def reals_at(address: Any, n: Any, real: Any) -> Any:
        """View n numbers of the type `real` (np.float64 or np.float32) at an address."""
        return numba.carray(as_pointer(address), n, real)

    @kernel
    def int64_at(address: Any, n: Any) -> Any:
        """View n int64 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.int64)

    @kernel
    def int32_at(address: Any, n: Any) -> Any:
        """View n int32 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.int32)

    @kernel
    def int16_at(address: Any, n: Any) -> Any:
        """View n int16 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.int16)

    @kernel
    def uint16_at(address: Any, n: Any) -> Any:
        """View n uint16 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.uint16)

    @kernel
    def uint32_at(address: Any, n: Any) -> Any:
        """View n uint32 at an address as an array."""
        return numba.carray(as_pointer(address), n, np.uint32)

else:

    def call_entry(address: int, ctx: int, lo: int, hi: int, step: int) -> int:
        """Call the entry at `address`."""
        return Entry._uncompiled[int(address)](int(ctx), int(lo), int(hi), int(step))

    def atomic_add(array: Any, index: int, value: int) -> int:
        """Add to one element; there is one thread without the jit."""
        old = int(array[index])
        array[index] = old + value
        return old

    def atomic_load(array: Any, index: int) -> int:
        """Read one element."""
        return int(array[index])

    def set_flushing(word: int) -> int:
        """Set the floating-point control word: Python has none."""
        return 0

    def add32(a: Any, b: Any) -> Any:
        """Add two uint32 modulo 2^32."""
        return np.uint32((int(a) + int(b)) & 0xFFFFFFFF)

    def rotate32(a: Any, bits: Any) -> Any:
        """Rotate an uint32 to the left by 1 to 31 bits."""
        return np.uint32(((int(a) << bits) | (int(a) >> (32 - bits))) & 0xFFFFFFFF)

    def prefetch(array: Any, index: int) -> None:
        """Ask for the cache line of one element: no business of Python."""

    def yield_processor() -> None:
        """Let another thread of the machine run."""

    def _view(address: int, n: int, dtype: Any) -> Any:
        if n == 0:
            return np.empty(0, dtype)
        size = int(n) * np.dtype(dtype).itemsize
        buffer = (ctypes.c_char * size).from_address(int(address))
        return np.frombuffer(buffer, dtype)

    def float64_at(address: Any, n: Any) -> Any:
        """View n float64 at an address as an array."""
        return _view(address, n, np.float64)

    def float32_at(address: Any, n: Any) -> Any:
        """View n float32 at an address as an array."""
        return _view(address, n, np.float32)

    def reals_at(address: Any, n: Any, real: Any) -> Any:
        """View n numbers of the type `real` (np.float64 or np.float32) at an address."""
        return _view(address, n, real)

    def int64_at(address: Any, n: Any) -> Any:
        """View n int64 at an address as an array."""
        return _view(address, n, np.int64)

    def int32_at(address: Any, n: Any) -> Any:
        """View n int32 at an address as an array."""
        return _view(address, n, np.int32)

    def int16_at(address: Any, n: Any) -> Any:
        """View n int16 at an address as an array."""
        return _view(address, n, np.int16)

    def uint16_at(address: Any, n: Any) -> Any:
        """View n uint16 at an address as an array."""
        return _view(address, n, np.uint16)

    def uint32_at(address: Any, n: Any) -> Any:
        """View n uint32 at an address as an array."""
        return _view(address, n, np.uint32)
