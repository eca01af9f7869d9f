import GitFormat
import VersionedStore
import Wire

/// What a request for values is about: `/REPOSITORY/-/RESOURCE/PATH?branch=BRANCH`. No part of a repository's name begins
/// with a hyphen.
struct ValueTarget: Equatable {
  enum Resource: String {
    case branches, files, log, watch

    /// The methods that it knows, and what may be asked of each.
    var parameters: [String: Set<String>] {
      switch self {
      case .branches: ["GET": []]
      case .files:
        ["GET": ["branch", "commit"], "PUT": ["branch", "message", "mode"], "DELETE": ["branch", "message"]]
      case .log: ["GET": ["branch", "count"]]
      case .watch: ["GET": ["branch", "initial"]]
      }
    }
  }

  var repository: String
  var resource: Resource
  var path: Path
  /// `HEAD` counts as `GET`.
  var method: String
  var parameters: [String: String]

  /// nil for a request that is not about values.
  ///
  /// - Throws: the answer to one that makes no sense.
  init?(_ head: HTTPRequestHead) throws(ValueRefusal) {
    let parts = head.path.split(separator: "/", omittingEmptySubsequences: false)
    guard let mark = parts.firstIndex(of: "-"), mark > 1, parts[0].isEmpty else { return nil }
    guard let repository = percentDecoded(parts[1..<mark].joined(separator: "/")) else { return nil }
    let rest = parts[(mark + 1)...]
    guard let resource = rest.first.flatMap({ Resource(rawValue: String($0)) }) else {
      throw ValueRefusal(404, "there is nothing here; values are at \(repository)/-/files/PATH")
    }
    self.repository = repository
    self.resource = resource
    path = Path([])
    for part in rest.dropFirst() where !part.isEmpty {
      guard let name = percentDecoded(part), !name.utf8.contains(UInt8(ascii: "/")) else {
        throw ValueRefusal(
          400, "a part of the path is not UTF-8 with percent signs as RFC 3986 has them, or has a slash")
      }
      path = path / EntryName(name)
    }
    guard resource != .branches || path.isRoot else { throw ValueRefusal(404, "nothing is below branches") }
    method = head.method == "HEAD" ? "GET" : head.method
    guard let known = resource.parameters[method] else {
      let methods = resource.parameters.keys.sorted().joined(separator: ", ")
      throw ValueRefusal(405, "\(resource.rawValue) takes \(methods)", [HTTPField("Allow", methods)])
    }
    parameters = try Self.parameters(head, known)
  }

  private static func parameters(
    _ head: HTTPRequestHead, _ known: Set<String>
  ) throws(ValueRefusal) -> [String: String] {
    var found: [String: String] = [:]
    guard let mark = head.target.firstIndex(of: "?") else { return found }
    for pair in head.target[head.target.index(after: mark)...].split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      // As forms have it: a plus is a space.
      func decoded(_ text: Substring) -> String? {
        percentDecoded(String(text.map { $0 == "+" ? " " : $0 }))
      }
      guard let name = decoded(sides[0]), let value = decoded(sides.count > 1 ? sides[1] : "") else {
        throw ValueRefusal(400, "the query is not UTF-8 with percent signs as RFC 3986 has them")
      }
      guard known.contains(name) else {
        let names = known.isEmpty ? "none" : known.sorted().joined(separator: ", ")
        throw ValueRefusal(400, "the parameter \(name) is not known here; known: \(names)")
      }
      guard found.updateValue(value, forKey: name) == nil else {
        throw ValueRefusal(400, "the parameter \(name) is there twice")
      }
    }
    return found
  }
}

/// Why a request for values gets nothing.
struct ValueRefusal: Error {
  var answer: WebAnswer
  /// What is wrong here, and none of the client's affair.
  var cause: StoreError?

  init(_ status: Int, _ text: String, _ fields: [HTTPField] = [], cause: StoreError? = nil) {
    answer = WebAnswer(status, text, fields)
    self.cause = cause
  }
}
