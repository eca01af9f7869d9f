import FoundationEssentials

/// JSON as Lares writes it: keys sorted, slashes as they are.
public enum JSON {
  /// On one line; what journals and the API carry.
  public static func encode(_ value: some Encodable) throws -> [UInt8] { Array(try encoder().encode(value)) }

  /// Indented, for people.
  public static func encodeForReading(_ value: some Encodable) throws -> String {
    let encoder = encoder()
    encoder.outputFormatting.insert(.prettyPrinted)
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: some Sequence<UInt8>) throws -> Value {
    try JSONDecoder().decode(type, from: Data(bytes))
  }

  private static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
