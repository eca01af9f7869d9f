/// Why the household's zone cannot be made from the configuration.
public struct ZoneError: Error, Sendable, Equatable {
  /// The record as the file has it; nil where the problem is the zone as a whole.
  public var record: String?
  /// What is wrong with it, as a sentence without its full stop.
  public var problem: String
}

extension ZoneError: CustomStringConvertible {
  /// `dns.records: "nas A 192.168.77": not an IPv4 address; write records like "printer 300 IN A 192.168.77.20"`.
  public var description: String {
    guard let record else { return "dns.records: \(problem)" }
    return "dns.records: \"\(record)\": \(problem); write records like \"printer 300 IN A 192.168.77.20\""
  }
}
