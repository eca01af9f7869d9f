/// Where something stands in the configuration: `network.home.dhcp.pool`, `device.nas.hardware[1]`.
public struct ConfigurationPath: Sendable, Hashable {
  public var elements: [Element]

  public enum Element: Sendable, Hashable {
    case key(String)
    /// Place in an array, from 0.
    case index(Int)
  }

  public init(_ elements: [Element] = []) { self.elements = elements }

  public init(keys: some Sequence<String>) { elements = keys.map(Element.key) }

  /// Reads keys joined by dots, quoted where TOML quotes them. Nil where the text is no such path.
  public init?(_ text: String) {
    var parser = TOMLParser(Array(text.utf8))
    guard let keys = try? parser.parseKeyPath(), parser.offset == parser.bytes.count else { return nil }
    self.init(keys: keys.map(\.name))
  }

  /// The keys up to the first index.
  public var keys: [String] {
    elements.prefix { if case .key = $0 { true } else { false } }.compactMap {
      if case .key(let key) = $0 { key } else { nil }
    }
  }

  public func appending(_ key: String) -> ConfigurationPath { ConfigurationPath(elements + [.key(key)]) }
  public func appending(index: Int) -> ConfigurationPath { ConfigurationPath(elements + [.index(index)]) }
}

extension ConfigurationPath: CustomStringConvertible {
  public var description: String {
    elements.reduce(into: "") { text, element in
      switch element {
      case .key(let key): text += (text.isEmpty ? "" : ".") + TOMLValue.key(key)
      case .index(let index): text += "[\(index)]"
      }
    }
  }
}

extension ConfigurationPath: ExpressibleByArrayLiteral {
  public init(arrayLiteral keys: String...) { self.init(keys: keys) }
}
