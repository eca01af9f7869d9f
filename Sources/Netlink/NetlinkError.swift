import CNetlinkShims
import Glibc
import HostSystem

/// What the kernel, or the way to it, refused. Printed, it is one sentence:
/// `adding address 192.168.77.1/24 to lan0: Operation not permitted (EPERM); this needs root or CAP_NET_ADMIN`.
public struct NetlinkError: Error, Sendable, Equatable {
  /// errno(3), positive.
  public var code: Int32
  /// What was attempted, in words that begin with a gerund: `creating bridge br-home`.
  public var attempt: String
  /// The kernel's own explanation (NLMSGERR_ATTR_MSG), where it gave one.
  public var kernelText: String?
  /// Offset in bytes from the start of the request to the attribute that the kernel did not like (NLMSGERR_ATTR_OFFS).
  public var offset: Int?

  public init(code: Int32, attempt: String, kernelText: String? = nil, offset: Int? = nil) {
    self.code = code
    self.attempt = attempt
    self.kernelText = kernelText
    self.offset = offset
  }

  init(_ error: SystemError) { self.init(code: error.code, attempt: error.attempt) }

  /// The errno that a failed call has just left.
  static func current(_ attempt: String) -> NetlinkError { NetlinkError(code: errno, attempt: attempt) }

  /// The C name: `EPERM`.
  public var name: String { lares_error_name(code).map { String(cString: $0) } ?? "errno \(code)" }

  /// The C library's text, untranslated: `Operation not permitted`.
  public var text: String { lares_error_text(code).map { String(cString: $0) } ?? "error \(code)" }
}

extension NetlinkError: CustomStringConvertible {
  public var description: String {
    var sentence = "\(attempt): \(text) (\(name))"
    if let kernelText { sentence += ": \(kernelText)" }
    if let offset { sentence += " [at byte \(offset) of the request]" }
    if let advice { sentence += "; \(advice)" }
    return sentence
  }

  private var advice: String? {
    switch code {
    case EPERM, EACCES: "this needs root or CAP_NET_ADMIN"
    case EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT: "this kernel lacks the feature or its module"
    case ENOBUFS: "the kernel dropped messages because the receive buffer was full"
    default: nil
    }
  }
}
