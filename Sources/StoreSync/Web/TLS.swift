import CSSL
import Glibc
import VersionedStore

/// A server's certificate and key, and the rules of its TLS: 1.2 and 1.3, with forward secrecy and authenticated ciphers
/// only (RFC 9325).
final class TLSContext: @unchecked Sendable {
  // OpenSSL counts references to a context under its own lock.
  private let context: OpaquePointer

  /// - Parameters:
  ///   - certificate: a file in PEM: the server's certificate, then those up to the authority's.
  ///   - key: a file in PEM with its key.
  init(certificate: String, key: String) throws(StoreError) {
    guard let context = SSL_CTX_new(TLS_server_method()) else { throw Self.failure("starting TLS") }
    self.context = context
    SSL_CTX_set_options(context, lares_ssl_options)
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS), nil)
    guard SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 else {
      throw Self.failure("choosing ciphers")
    }
    guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
      throw Self.failure("reading the certificate \(certificate)")
    }
    guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
      throw Self.failure("reading the key \(key)")
    }
    guard SSL_CTX_check_private_key(context) == 1 else { throw Self.failure("using \(key) with \(certificate)") }
  }

  deinit { SSL_CTX_free(context) }

  /// One connection's state.
  func session(on socket: Int32) throws(StoreError) -> TLSSession {
    guard let session = SSL_new(context) else { throw Self.failure("starting TLS") }
    SSL_set_fd(session, socket)
    SSL_set_accept_state(session)
    return TLSSession(session)
  }

  /// What OpenSSL says went wrong.
  fileprivate static func failure(_ attempt: String) -> StoreError {
    let code = ERR_get_error()
    ERR_clear_error()
    let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "it failed"
    return .invalid("\(attempt): \(reason)")
  }
}

/// TLS on one non-blocking socket, which somebody else owns.
final class TLSSession {
  private let session: OpaquePointer

  fileprivate init(_ session: OpaquePointer) { self.session = session }
  deinit { SSL_free(session) }

  /// How a step ended.
  enum Step {
    case done(Int)
    case wantsRead
    case wantsWrite
    /// The other side has ended the connection.
    case ended
    case failed(StoreError)
  }

  func handshake() -> Step { step("the TLS handshake") { SSL_do_handshake(session) } }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Step {
    step("reading by TLS") { SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count)) }
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> Step {
    step("writing by TLS") { SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)) }
  }

  /// Tells the other side that nothing follows, if that can be sent at once.
  func end() {
    ERR_clear_error()
    SSL_shutdown(session)
    ERR_clear_error()
  }

  private func step(_ attempt: String, _ body: () -> Int32) -> Step {
    ERR_clear_error()
    let count = body()
    if count > 0 { return .done(Int(count)) }
    switch SSL_get_error(session, count) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN, SSL_ERROR_SYSCALL: return .ended
    default: return .failed(TLSContext.failure(attempt))
    }
  }
}
