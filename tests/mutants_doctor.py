"""What the tests in `test_doctor.py` must find wrong."""

MUTANTS = {
    "doctor:_product": [
        ("a matrix product counts additions only", "2 * M * K * N / _median", "M * K * N / _median"),
    ],
    "doctor:_copy": [
        ("a copy counts what it writes only", "2 * size / _median", "size / _median"),
    ],
    "doctor:distance": [
        (
            "the distance the other way round",
            "(once - began) / (time.perf_counter() - once)",
            "(time.perf_counter() - once) / (once - began)",
        ),
    ],
    "doctor:report": [
        ("far apart is called near", "distance > FAR", "distance < FAR"),
        ("one thread is called near others", "1 in (facts.cores, threads)", "1 == facts.cores"),
    ],
    "doctor:advice": [
        ("a limit that is not obeyed is blamed", "limits if threads is None or threads < cores else ()", "limits"),
        (
            "versions are compared as text",
            '[int(n) for n in re.findall(r"\\d+", version)] < [0, 3, 20]',
            'version < "0.3.20"',
        ),
    ],
    "doctor:_blas": [
        ("importing threadpoolctl here", "answer = subprocess", "import threadpoolctl\n    answer = subprocess"),
    ],
    "doctor:_simd": [
        ("AVX-512 of the Xeon Phi is taken for the whole", '{"AVX512_SKX", "X86_V4"}', '{"AVX512F", "X86_V4"}'),
    ],
}
