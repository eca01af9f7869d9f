/// What a receiver may expect of a syslog message of Lares.
public enum SyslogGrammar {
  /// Whether a text is SYSLOG-MSG of RFC 5424 section 6, with what Lares promises beyond: facility daemon, UTC with
  /// milliseconds, one element of structured data at most, UTF-8 behind its mark.
  public static func accepts(_ text: String) -> Bool {
    let time = #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"#
    let parameter = #" [!#-<>-\\^-~]{1,32}="([^"\\\]]|\\["\\\]])*""#
    let grammar = try? Regex(
      #"<(2[789]|3[01])>1 \#(time) [!-~]{1,255} lares-[a-z0-9-]{1,32} - - (-|\[lares@32473(\#(parameter))+\]) \x{feff}.*"#
    ).matchingSemantics(.unicodeScalar)
    guard let grammar else { return false }
    return (try? grammar.wholeMatch(in: text)) != nil
  }
}
