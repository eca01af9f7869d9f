import CNetlinkShims

/// The kernel's verdict on a request: an NLMSG_ERROR, or the NLMSG_DONE at the end of a dump.
public struct Acknowledgement: Sendable, Equatable {
  /// Sequence number of the request.
  public var sequence: UInt32
  /// 0: done as asked; else errno(3), positive.
  public var code: Int32
  /// NLMSGERR_ATTR_MSG: an explanation, or a warning where `code` is 0.
  public var text: String?
  /// NLMSGERR_ATTR_OFFS.
  public var offset: Int?

  /// Nil where the message is neither an NLMSG_ERROR nor an NLMSG_DONE, or too short to be one.
  public init?(_ message: borrowing Message) {
    let isError = message.type == UInt16(NLMSG_ERROR)
    guard isError || message.type == UInt16(NLMSG_DONE) else { return nil }
    sequence = message.sequence
    // A dump's end may come without its number: then all went well.
    guard let value: Int32 = message.payload.number(at: 0) ?? (isError ? nil : 0) else { return nil }
    code = value == .min ? .max : abs(value)
    guard message.flags & UInt16(NLM_F_ACK_TLVS) != 0 else { return }
    var attributes = message.attributes(after: Self.attributesOffset(message, isError: isError))
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(NLMSGERR_ATTR_MSG.rawValue): text = attribute.text
      case Int(NLMSGERR_ATTR_OFFS.rawValue): offset = attribute.number(UInt32.self).map { Int($0) }
      default: break
      }
    }
  }

  /// Behind the number stands the request, whole or (NLM_F_CAPPED) only its header; behind that the attributes.
  private static func attributesOffset(_ message: borrowing Message, isError: Bool) -> Int {
    guard isError else { return 4 }
    guard message.flags & UInt16(NLM_F_CAPPED) == 0 else { return 4 + 16 }
    return 4 + Int(message.payload.number(at: 4, as: UInt32.self) ?? 16).roundedUpToFour
  }

  /// The error that this verdict is, or nil where the request was done.
  public func error(_ attempt: String) -> NetlinkError? {
    code == 0 ? nil : NetlinkError(code: code, attempt: attempt, kernelText: text, offset: offset)
  }
}
