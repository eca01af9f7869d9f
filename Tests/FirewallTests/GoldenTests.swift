import Firewall
import FoundationEssentials
import Glibc
import HostSystem
import Household
import TestSupport
import Testing

/// What `nft -j list ruleset` shows of whole households, compared with committed files. LARES_UPDATE_GOLDEN=1 writes them anew.
@Suite struct GoldenTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var model: HouseholdModel?
    var dynamic = FirewallDynamics()
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "closed"),
    Case(name: "typical", model: Models.typical),
    Case(name: "everything", model: Models.everything, dynamic: Models.busy),
    Case(
      name: "bare",
      model: HouseholdModel(
        domain: Models.domain, firewall: FirewallSettings(logRate: 0, newConnectionRate: 0))),
  ]

  @Test(arguments: cases) func theKernelHasTheRulesOfTheGoldenFile(_ test: Case) throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      let report = try test.model.map { try manager.apply(model: $0, dynamic: test.dynamic) } ?? manager.closed()
      #expect(report.changed)
    }
    let text = try Self.normalised(namespace.shell("nft -j list ruleset"))
    let path = "\(Self.folder)/golden/\(test.name).json"
    if getenv("LARES_UPDATE_GOLDEN") != nil { try File.replace(path, with: Array(text.utf8), durable: false) }
    let golden = try String(decoding: File.read(path), as: UTF8.self)
    #expect(text == golden, "set LARES_UPDATE_GOLDEN=1 and look at the difference")
  }

  private static var folder: String { File.folderName(of: #filePath) }

  /// One object a line, with sorted keys and without what differs from run to run: handles, counts, versions.
  private static func normalised(_ json: String) throws -> String {
    let list = try JSONDecoder().decode([String: [JSONValue]].self, from: Data(json.utf8))["nftables"] ?? []
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = try list.map(\.withoutVolatile).filter { $0 != .object([:]) }.map {
      String(decoding: try encoder.encode($0), as: UTF8.self)
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// Any JSON value.
indirect enum JSONValue: Codable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value):
      if let whole = Int(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// Without handles, counts and versions.
  var withoutVolatile: JSONValue {
    switch self {
    case .array(let values): return .array(values.map(\.withoutVolatile))
    case .object(let members):
      var kept: [String: JSONValue] = [:]
      for (key, value) in members where !["handle", "metainfo", "packets", "bytes"].contains(key) {
        kept[key] = value.withoutVolatile
      }
      return .object(kept)
    default: return self
    }
  }
}
