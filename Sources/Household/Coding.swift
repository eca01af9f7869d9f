// The wire's values as text in JSON: facts and API answers carry `"192.168.77.1"`, never numbers.
public import Wire

extension MACAddress: Codable {}
extension IPv4Address: Codable {}
extension IPv6Address: Codable {}
extension IPAddress: Codable {}
extension IPPrefix: Codable {}
extension InterfaceAddress: Codable {}
extension DomainName: Codable {}

extension LosslessStringConvertible {
  /// Reads the value from its text form; the error names the type and quotes the text.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is not a \(Self.self)")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
