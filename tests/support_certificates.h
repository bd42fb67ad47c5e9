/*
 * Certificates and keys for the tests of TLS, in PEM. Made by tests/tls/make_certificates.
 */
#ifndef APM_TESTS_SUPPORT_CERTIFICATES_H
#define APM_TESTS_SUPPORT_CERTIFICATES_H

/* The authority whose certificates are trusted in the tests. */

static const char authority_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmTCCAT+gAwIBAgIUdRmEEW2h4qaDEG1mGs3UKPFWwPswCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ3WhgPMjEy\n"
    "NjEwMjgyMjIwNDdaMBkxFzAVBgNVBAMMDlRlc3QgQXV0aG9yaXR5MFkwEwYHKoZI\n"
    "zj0CAQYIKoZIzj0DAQcDQgAEbeL+Ft8fhUzGi0If9EpyyCX2wv6jP25eHaScBWml\n"
    "GXyX0J/w3GHKxwRH9x2fqowRAB30ZVoPqXUGM+ErCzlbm6NjMGEwHQYDVR0OBBYE\n"
    "FBHrzC4ICDIlkcMtHGVRsBfStvhYMB8GA1UdIwQYMBaAFBHrzC4ICDIlkcMtHGVR\n"
    "sBfStvhYMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49\n"
    "BAMCA0gAMEUCIQCb9clR9IO0cJFZ0Gz9n0+4yKnHu44867Bb+OrrWKfHowIgOtfh\n"
    "WA6DZD0IPUsrmvRIDGe9lI4NHlUq7U2DcnVVVhE=\n"
    "-----END CERTIFICATE-----\n";

/* For test.local, localhost, *.wild.local, 127.0.0.1 and ::1. */
static const char server_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB0zCCAXmgAwIBAgIUIYa7q9ayaxwtP3EBMemCA/YwlbowCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ3WhgPMjEy\n"
    "NjEwMjgyMjIwNDdaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAAR6/2SZSrnTi/yksUqy3nQ95LtdvkOohJCO21EM2Q+ONJZJ\n"
    "gSVPozd4JoG9rI9+XeRiDMT0MneRLMK4FTCfgBmco4GgMIGdMEYGA1UdEQQ/MD2C\n"
    "CnRlc3QubG9jYWyCCWxvY2FsaG9zdIIMKi53aWxkLmxvY2FshwR/AAABhxAAAAAA\n"
    "AAAAAAAAAAAAAAABMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQO82Qf\n"
    "5D6fXmvpcQfL6CYhTsk5TjAfBgNVHSMEGDAWgBQR68wuCAgyJZHDLRxlUbAX0rb4\n"
    "WDAKBggqhkjOPQQDAgNIADBFAiEAtL4fXi1m5nZO8ijlnX+2lU3NCeVsoWz6wGQo\n"
    "6pmWG+oCIE9xDM1q7jnN/cEEf/Cua9uuHXAoAiLoHPFgmAotwkC6\n"
    "-----END CERTIFICATE-----\n";

static const char server_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrM2WcBKQJzWpF4hF\n"
    "fWP2KR8tAikY0obs9g1TZVmezvChRANCAAR6/2SZSrnTi/yksUqy3nQ95LtdvkOo\n"
    "hJCO21EM2Q+ONJZJgSVPozd4JoG9rI9+XeRiDMT0MneRLMK4FTCfgBmc\n"
    "-----END PRIVATE KEY-----\n";

/* For other.local. */
static const char other_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjDCCATOgAwIBAgIUIYa7q9ayaxwtP3EBMemCA/YwlbswCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ3WhgPMjEy\n"
    "NjEwMjgyMjIwNDdaMBYxFDASBgNVBAMMC290aGVyLmxvY2FsMFkwEwYHKoZIzj0C\n"
    "AQYIKoZIzj0DAQcDQgAEIlfc2GCwrvYiGBhk/j47OXN/COpHVJHi/ITCvWwEhkK6\n"
    "mh+43ZCjNCBD/0Rd1cKOadag7W/H5QeW37Lz+HkzR6NaMFgwFgYDVR0RBA8wDYIL\n"
    "b3RoZXIubG9jYWwwHQYDVR0OBBYEFOfz0PT2WWiP4gpvZm0z335B/H4UMB8GA1Ud\n"
    "IwQYMBaAFBHrzC4ICDIlkcMtHGVRsBfStvhYMAoGCCqGSM49BAMCA0cAMEQCIGUt\n"
    "LnAPSV/lzkG/8+avgjwOnmQjM4UlCAmjRcuCMDl1AiAmD7bhOT3az5+UrO9tQfS5\n"
    "mewtXys5c7YQUQBS1EulwQ==\n"
    "-----END CERTIFICATE-----\n";

static const char other_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU3ohWcguvWg6S9AN\n"
    "07hMso8aLJFWM5jKQapME17Ye5ehRANCAAQiV9zYYLCu9iIYGGT+Pjs5c38I6kdU\n"
    "keL8hMK9bASGQrqaH7jdkKM0IEP/RF3Vwo5p1qDtb8flB5bfsvP4eTNH\n"
    "-----END PRIVATE KEY-----\n";

/* The same names by other keys: one of RSA, whose key is also there encrypted with the password `secret`; */
/* one that is in the list of revocations; one that has expired; one that is signed by itself. */
static const char rsa_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIICiDCCAi+gAwIBAgIUIYa7q9ayaxwtP3EBMemCA/Ywlb4wCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ4WhgPMjEy\n"
    "NjEwMjgyMjIwNDhaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwggEiMA0GCSqGSIb3\n"
    "DQEBAQUAA4IBDwAwggEKAoIBAQDcma0FEyUAi9zTJSALYkg/GOCdDtVFhGrgkrxc\n"
    "R/kIX7vYkyDo2xGWewTlhxb++Kqt9H9CBayeTh1KcAwrXbWDaFhx0R8uXcDBEhk3\n"
    "J1TvJpBVYp9d/QGmcDZQlAndiL4o16X5bodPjDm7WwpJABRg8f+ThaL83fjG2Oo1\n"
    "/7EpCk0qXrWyhoZ9moSf4aScyfgizZxZ1CjM4UlrJr5N03eJ2M4o9eWQQQpPskgn\n"
    "X7++fQMDSGvHryZXt3Pe3MbhLIKLikYuUKwvXRkytfhLuKu9Ricubqq8Y6Kk5VKc\n"
    "YfjeCkPkwBrJqUf0ssAPRIHnpuZ8J8o7tQTgoUaDUjFw+MkrAgMBAAGjgYswgYgw\n"
    "RgYDVR0RBD8wPYIKdGVzdC5sb2NhbIIJbG9jYWxob3N0ggwqLndpbGQubG9jYWyH\n"
    "BH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwHQYDVR0OBBYEFHr1yMyvrgxgA9TUYWiB\n"
    "wL7TjP6sMB8GA1UdIwQYMBaAFBHrzC4ICDIlkcMtHGVRsBfStvhYMAoGCCqGSM49\n"
    "BAMCA0cAMEQCIFLE7UCgnq4o3sAK77kkyVikopCHCkLxqETy3xj05OG2AiB8Z4FG\n"
    "Nd0YyPndMo97K7casxOGLwr2iAjwa2FYYUPX3g==\n"
    "-----END CERTIFICATE-----\n";

static const char rsa_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDcma0FEyUAi9zT\n"
    "JSALYkg/GOCdDtVFhGrgkrxcR/kIX7vYkyDo2xGWewTlhxb++Kqt9H9CBayeTh1K\n"
    "cAwrXbWDaFhx0R8uXcDBEhk3J1TvJpBVYp9d/QGmcDZQlAndiL4o16X5bodPjDm7\n"
    "WwpJABRg8f+ThaL83fjG2Oo1/7EpCk0qXrWyhoZ9moSf4aScyfgizZxZ1CjM4Ulr\n"
    "Jr5N03eJ2M4o9eWQQQpPskgnX7++fQMDSGvHryZXt3Pe3MbhLIKLikYuUKwvXRky\n"
    "tfhLuKu9Ricubqq8Y6Kk5VKcYfjeCkPkwBrJqUf0ssAPRIHnpuZ8J8o7tQTgoUaD\n"
    "UjFw+MkrAgMBAAECggEASZOeACPPAxwjBm+K/REGPLlM7UVtv7Z3OTjnxzWgK3lW\n"
    "u1jzMIckmhak3vNMKbWBo+x452niFZjDLzko7eve5xnN6gRQTJQrfpnNPDaLnwoz\n"
    "OK9grSX+P2eMzhpaIgACQLgQXR3O1qrT9JfcWdXDdkQwtKDtaD6Ww6fEkkcabS+q\n"
    "FiUi4LSgcYsJTfjamaf2pNawmyopv1peTkFFsjvoHHiiPwjbYn/YHiesdthCcK5k\n"
    "584vuK0T/RdvyiGKmRq7vyT51oSa1OrW+WN3I4znf4JXzLOHpEkOFNFSimELYa3F\n"
    "Ih9TUq22GbVtsqleMxWQ05NWn1jlHx5qzKxyM5N3TQKBgQD8bZObkNbp6v2RxWu2\n"
    "ZWg2WXUZ5+26Xa7DDJiScCiGGR7wKuw29Xy8DMYizyfezLk0A+lj0POO4QrOtnKd\n"
    "ErtK+AwmaCLN/MhDRKxyzhECV7qVjm3H0F/zUzMBC/M8VnQ4I0Vn3/7WZmYJXTa6\n"
    "ULuB7jwVI+646vheGxZYN0BDbwKBgQDfuM2Mr3w4Dhz0Dz/PWZ1Is59cLb2j/eKp\n"
    "N07+Qq+MMbbazgZH3wyVQfhrF+ahoDZjjtmd9///aiBOKyJANwwVIKysJQnnMqBQ\n"
    "e/FOpRHzWeTX7IYXVvsXC5LtVUsbPs1SSmsxeCBcBlyaBjUY8ILF9veBLbpbZTyT\n"
    "XhUtkSQIBQKBgQD2UL5uWKE91I3mRmxaqQ1Nq3E2/DffWTcFIS9oBYWlhLHJzTh+\n"
    "UIGMxjI5GUdggwhdl0uQmP5w92uiVin016hm+TBx8b+0nOuVqFdWF3pFfPGWqkq5\n"
    "Zb2bJB5q8QxCXmI9vT0mpU54S6dZj9mtaMXvfVankk6Jps8AlRHytsdAhQKBgFjt\n"
    "+e8ZdpRFr+aoBSJkKexTUl5u5DpC2o2PKbxSP7vHqzrwuHhrRnIyRhAz8P6AU/5h\n"
    "M0ni4gTiZ7MK3FOQTiI72ceX9YbMjgNQMUykuyzzp87Y+zhd3/N6K05iIDfVUAKN\n"
    "CG0ipiJOeRLUstiWCjWtBRd5WOGprVmbBWoWjq8NAoGAUYTXmYyXPNc/NDM2e8uN\n"
    "r8gwjUYFbxQbcE3Q9PHRDihJ3KZUqr6wiJ7FADztqH4MYHnWbmY/kLq3EM38nqH/\n"
    "SrPnlKfOS/6uZ6LhYivnPKiJzz4KMtTP6l4+9mjdBU1wHJnfYCmpRQeaVZH4KG4h\n"
    "jankpfqRjp3qhjUPo3/PVpY=\n"
    "-----END PRIVATE KEY-----\n";

static const char rsa_key_encrypted[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-256-CBC,356E5391B16BDDEE15948A232F266368\n"
    "\n"
    "Dra4Ufimdg3QZs4fUMV2xyBJHI89ssteMfeDWCyPy6BCVRZOaUsxDLIv0rw15YWE\n"
    "B0q/SKcnlMtLAZSA7iMsQFlOka7bbIiICymq+q4uVjdFwGY2D/Hzkht/IgkDhHUe\n"
    "Qqcl9apV0FtnCHS2Wi54R8utEiJh7SA75RleUfdVjhu7IsP4W5gHvWGqNGnzbF6L\n"
    "iRaw6eXorEozLNIiZniKOjzD2dvrzvjGOnKkqA6RHgNbJB7QEA7SNhuAmDjq8iL1\n"
    "sxWxrOro5Jc5fZEouhJ3Wi/JyHHFRsftmgHDHfd/kvc62YeJhXc7AyyhgHKgzgpM\n"
    "jbiraU3vxMXdQ3rDrYGRNTRyNoIJ536flfFq6xADZsDREpV2ViD4y4E/BV1XJz4M\n"
    "rLj5qOa4sALmsK2pa9YuzMRCSUlO6EtawYCkKJtaen/JDm02w/DyOT8HrfyH0bae\n"
    "yACiY3LWGRg40MpF4GEKp4OGC2EN/3J9yOTwzenWMXJ/dz3yyn/iYPOHQ3JmHzel\n"
    "B0HMqc+vwq6HlIEe5pKU/Y3/ReApbnPL7p4KKYyFdwnU7gKWgcr3qZbP9uf1Aqnt\n"
    "QWpdeGqcVD0EkDLCdRpX+4qMUMMZghKT3ifGH+w6Kt6HwMDKxyNaCf1vCtVFTJmF\n"
    "XDkMTlZLrSGM0DhDv2ust/HTdZ2NmvO5+aNg7/pY+KDWlu6QfCBtOoiyGF8QePhq\n"
    "V1Ly9mzzRcmJDLBIz/aCK1FJ5AITXdLZMCUzT8U0KHpoPNYTKP6yt5E4XemqTW6Y\n"
    "zs52faD1Akgm2FabE1CfT8JLtK4eygzAXMtG31P+XovQqg00Jr8I9pW5iltwbhQ7\n"
    "VwofmtyIvPojGDG4S27yYFCEbhI02mHvHu8y+UHyIXTndhOud9sm32xbuotOlpWP\n"
    "7BD8rh1tb471DJbCMtEtWPe6H1uh9c9HIO1pwPTwqxk32ljYh1zWgJxtYhCOJefN\n"
    "9RBvbMxn0R4C0D4oHUUdQazYMfUqKbetxnP24rcfmRo6PQ8Aqu2oLm+vldsBWY/D\n"
    "oFpAb9fKsElbDnP7eJzYRTglCghNkDLAl2GUWS7pSyb53rloRVUB/cmCDJ2RJcnh\n"
    "JmwDxq9NpGxcS+k0CVJJyQ2eALY+jttYIlQTWlnQhSfDAwouXpauxmhK0cswhBqm\n"
    "Cy6qUL38kSUSfXC7tnYolGWKrB6Jy8Nfq7FYIenc4XYz167LXnmWX2q0hLCxEBGz\n"
    "+4uzSmPBVLWqdP2W2W+EqgV1QWS925Xdp9EdmAKEAPds3EjjZSSx15CMvNbBjnyZ\n"
    "nCUL9YZ3sDUqfANiuvcltS76EA5EeCZiASHBqNOIuGLeV89m+8gOSTO8FQiqbVJP\n"
    "SxvP9sZHBLI5Q53DU5X/rIaYvmUgxKIMGJu7NBLvJHH8dcI4hWgtjikP17IMYB0x\n"
    "f9ohjAqWJslG4jQUrn+qJ3IY3V9rLnLY6gjYT+TGJ9tXFKJCHJCpofXdV/oBRQVe\n"
    "0MyVB+q1qK8KD8M753+s3yDrV1LAUuTMXj/5dMf3xzmy04NtbZ1gPRAH5miU3HPW\n"
    "LC5vrTO9kQ0SLtjJ0YE6o7yqTblvz4tOrO4+QzUdLhl+Wc6/QhX7UZI9yeIlrlS2\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char revoked_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBvjCCAWSgAwIBAgIUIYa7q9ayaxwtP3EBMemCA/YwlbwwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ3WhgPMjEy\n"
    "NjEwMjgyMjIwNDdaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAASyYGDFDTxwP/feLB1ftul3W4EmQDMKBge57/t7cxb5xDjg\n"
    "IzBBESk2liyo6VOfpMBdgbDL1f7RwNCNRC0Qkv5Go4GLMIGIMEYGA1UdEQQ/MD2C\n"
    "CnRlc3QubG9jYWyCCWxvY2FsaG9zdIIMKi53aWxkLmxvY2FshwR/AAABhxAAAAAA\n"
    "AAAAAAAAAAAAAAABMB0GA1UdDgQWBBSxDzcywRaIKAq0KtaN0tPUsyhW/jAfBgNV\n"
    "HSMEGDAWgBQR68wuCAgyJZHDLRxlUbAX0rb4WDAKBggqhkjOPQQDAgNIADBFAiEA\n"
    "gqtxi+fI5kZ0rO6xyG0S9mU+cjwFsb6ivz+tUnVexqMCIGuTB5VhDW/nvZA0Ggfx\n"
    "6wHLFh86YMmyMKiux5skzDt1\n"
    "-----END CERTIFICATE-----\n";

static const char revoked_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdKHd2KnQ3JZD144H\n"
    "zCk8ISUhyaiCDUntiSDkXnrO0pGhRANCAASyYGDFDTxwP/feLB1ftul3W4EmQDMK\n"
    "Bge57/t7cxb5xDjgIzBBESk2liyo6VOfpMBdgbDL1f7RwNCNRC0Qkv5G\n"
    "-----END PRIVATE KEY-----\n";

static const char revocation_list[] =
    "-----BEGIN X509 CRL-----\n"
    "MIHcMIGEAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0aG9yaXR5\n"
    "Fw0yNjExMjEyMjIwNDhaGA8yMTI2MTAyODIyMjA0OFowJzAlAhQhhrur1rJrHC0/\n"
    "cQEx6YID9jCVvBcNMjYxMTIxMjIyMDQ4WqAPMA0wCwYDVR0UBAQCAhAAMAoGCCqG\n"
    "SM49BAMCA0cAMEQCIHthTinzPMw8vMyklqEWhpqGSOsjgfG3ovtg2GAZA7K+AiB5\n"
    "wFvAYD18lyr4jSohNGAhp4P1w1GOSgeceyl7QwWywA==\n"
    "-----END X509 CRL-----\n";

static const char expired_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqzCCAVCgAwIBAgICEAAwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOVGVzdCBB\n"
    "dXRob3JpdHkwHhcNMjAwMTAxMDAwMDAwWhcNMjEwMTAxMDAwMDAwWjAVMRMwEQYD\n"
    "VQQDDAp0ZXN0LmxvY2FsMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEP5WCUSfY\n"
    "qfEbw0oqQgufqrtWYWnipmDUSuzc0AD5BardUz3m6y/zmNfu6tQwGXDS2A6s2d78\n"
    "wqeDCIlKIIHp46OBizCBiDBGBgNVHREEPzA9ggp0ZXN0LmxvY2Fsgglsb2NhbGhv\n"
    "c3SCDCoud2lsZC5sb2NhbIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAdBgNVHQ4E\n"
    "FgQUDKrh9uspgCX37LCXhAlC5DTEQ2wwHwYDVR0jBBgwFoAUEevMLggIMiWRwy0c\n"
    "ZVGwF9K2+FgwCgYIKoZIzj0EAwIDSQAwRgIhAKRl3Hbc87F+mv3Oh8/RUB3/D7Zd\n"
    "KNAGnCigtIWlu8f/AiEA7/lZK3eyJM8iCrCCUgRNoDATHSQjwRULYCGE+zvOjR8=\n"
    "-----END CERTIFICATE-----\n";

static const char expired_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg29AVcL83A1Yq5zwY\n"
    "zlHBwrN699JWbp8loigGY187pH6hRANCAAQ/lYJRJ9ip8RvDSipCC5+qu1ZhaeKm\n"
    "YNRK7NzQAPkFqt1TPebrL/OY1+7q1DAZcNLYDqzZ3vzCp4MIiUoggenj\n"
    "-----END PRIVATE KEY-----\n";

static const char self_signed_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBzDCCAXGgAwIBAgIUIryWCcA62kMcCzSf2DsZ1aKxndkwCgYIKoZIzj0EAwIw\n"
    "FTETMBEGA1UEAwwKdGVzdC5sb2NhbDAgFw0yNjExMjEyMjIwNDhaGA8yMTI2MTAy\n"
    "ODIyMjA0OFowFTETMBEGA1UEAwwKdGVzdC5sb2NhbDBZMBMGByqGSM49AgEGCCqG\n"
    "SM49AwEHA0IABCi2aipIoHshzI2EuYTmRb2B/i46sDqudzDxpF19F14Bgw9lxwn/\n"
    "8saoNLxi0kIGX8DVEgMScZV2v6jZLI4uK9CjgZwwgZkwHQYDVR0OBBYEFJokyUD3\n"
    "L03NKZVSogUKdP/N5WfWMB8GA1UdIwQYMBaAFJokyUD3L03NKZVSogUKdP/N5WfW\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wRgYDVR0RBD8wPYIKdGVzdC5sb2NhbIIJbG9jYWxo\n"
    "b3N0ggwqLndpbGQubG9jYWyHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZI\n"
    "zj0EAwIDSQAwRgIhAPuVGFKgcWy12GQyL2aYGovmFojgtoKrRDCkzZ89XWZWAiEA\n"
    "ubnDQdUCpE5+o1fiR2CBg2/qU+1j98klxma5eS6aSiE=\n"
    "-----END CERTIFICATE-----\n";

static const char self_signed_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgO8OMtxKTjgCg+fGI\n"
    "aj212ZCnrRYw7mgOuDsI2avz5MShRANCAAQotmoqSKB7IcyNhLmE5kW9gf4uOrA6\n"
    "rncw8aRdfRdeAYMPZccJ//LGqDS8YtJCBl/A1RIDEnGVdr+o2SyOLivQ\n"
    "-----END PRIVATE KEY-----\n";

/* CN=client one. */
static const char client_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBiTCCAS+gAwIBAgIUIYa7q9ayaxwtP3EBMemCA/Ywlb0wCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjIyMDQ3WhgPMjEy\n"
    "NjEwMjgyMjIwNDdaMBUxEzARBgNVBAMMCmNsaWVudCBvbmUwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAATWI54EHVqNSUIO3wUyQFGABH26oV/c6UWlnr0//pG3xCFt\n"
    "bp/iji4bB1zYDYTODEGTdtTt/6frtyvjJfbBbDyLo1cwVTATBgNVHSUEDDAKBggr\n"
    "BgEFBQcDAjAdBgNVHQ4EFgQUNR1LIO/8So1H3pKQB5/v0KGYGLwwHwYDVR0jBBgw\n"
    "FoAUEevMLggIMiWRwy0cZVGwF9K2+FgwCgYIKoZIzj0EAwIDSAAwRQIhANxk459h\n"
    "GeeK5seBadufEXDFG3nqxQSpG7J1YBYZjuRXAiAj/CUSm9sdDtOOiGFRK3pWy214\n"
    "B1Zs19OcQlbs8aWftA==\n"
    "-----END CERTIFICATE-----\n";

static const char client_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgN21L7d4+3c2Ft4Ni\n"
    "rnIP3Hyi+WIdNjrIpdRQw0XhAoKhRANCAATWI54EHVqNSUIO3wUyQFGABH26oV/c\n"
    "6UWlnr0//pG3xCFtbp/iji4bB1zYDYTODEGTdtTt/6frtyvjJfbBbDyL\n"
    "-----END PRIVATE KEY-----\n";

#endif
