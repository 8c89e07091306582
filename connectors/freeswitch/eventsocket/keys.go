package eventsocket

// Key names one of the headers that Decode looks for. All others are passed
// over; Event.Lookup and Event.All still find them.
type Key uint8

// The wanted headers, named as FreeSWITCH spells them: KeyVar… is variable_….
const (
	KeyEventName Key = iota
	KeyEventSubclass
	KeyCoreUUID
	KeyEventDateTimestamp
	KeyEventSequence
	KeyFreeSWITCHHostname
	KeyUniqueID
	KeyOtherLegUniqueID
	KeyBridgeAUniqueID
	KeyBridgeBUniqueID
	KeyCallDirection
	KeyChannelName
	KeyChannelState
	KeyChannelCallState
	KeyAnswerState
	KeyChannelPresenceID
	KeyCallerCallerIDName
	KeyCallerCallerIDNumber
	KeyCallerDestinationNumber
	KeyCallerContext
	KeyCallerUsername
	KeyCallerChannelCreatedTime
	KeyCallerChannelAnsweredTime
	KeyCallerChannelHangupTime
	KeyCallerChannelBridgedTime
	KeyHangupCause
	KeyVarSIPHangupDisposition
	KeyVarTransferSource
	KeyVarTransferDisposition
	KeyVarTransferHistory
	KeyVarEndpointDisposition
	KeyVarLastBridgeTo
	KeyVarLastBridgeHangupCause
	KeyVarBridgeHangupCause
	KeyVarCCSide
	KeyVarCCAgent
	KeyVarCCQueue
	KeyVarCCMemberUUID
	KeyVarCCMemberSessionUUID
	KeyVarCCQueueJoinedEpoch
	KeyVarCCAgentBridged
	KeyVarOtherLoopbackLegUUID
	KeyVarOtherLoopbackFromUUID
	KeyVarSignalBond
	KeyVarCurrentApplication
	KeyVarOriginateDisposition
	KeyVarRTPAudioInMOS
	KeyVarRTPAudioInPackets
	KeyCCAction
	KeyCCQueue
	KeyCCAgent
	KeyCCAgentStatus
	KeyCCAgentState
	KeyCCAgentUUID
	KeyCCAgentType
	KeyCCAgentBridged
	KeyCCAgentCalledTime
	KeyCCAgentAnsweredTime
	KeyCCAgentAbortedTime
	KeyCCBridgeTerminatedTime
	KeyCCMemberUUID
	KeyCCMemberSessionUUID
	KeyCCMemberCIDName
	KeyCCMemberCIDNumber
	KeyCCMemberJoinedTime
	KeyCCMemberLeavingTime
	KeyCCCause
	KeyCCCancelReason
	KeyCCHangupCause
	KeyCCCount
	KeyCCAgentContact
	KeyCCAgentNoAnswerStatus
	KeyType
	KeyName
	KeyFilename
	KeyKey
	KeyEventInfo
	KeyUpTime
	KeySessionCount
	KeyFreeSWITCHVersion
	KeyApplication
	KeyApplicationData
	KeyJobUUID
	KeyAPICommand
	KeyAPICommandArgument

	numKeys = iota
)

// What the scanners themselves look for.
const (
	keyContentLength = Key(numKeys) + iota // of an event with a body, inside it
	keyBody                                // in JSON
	numScanned       = iota + numKeys
)

var keyNames = [numScanned]string{
	KeyEventName:                 "Event-Name",
	KeyEventSubclass:             "Event-Subclass",
	KeyCoreUUID:                  "Core-UUID",
	KeyEventDateTimestamp:        "Event-Date-Timestamp",
	KeyEventSequence:             "Event-Sequence",
	KeyFreeSWITCHHostname:        "FreeSWITCH-Hostname",
	KeyUniqueID:                  "Unique-ID",
	KeyOtherLegUniqueID:          "Other-Leg-Unique-ID",
	KeyBridgeAUniqueID:           "Bridge-A-Unique-ID",
	KeyBridgeBUniqueID:           "Bridge-B-Unique-ID",
	KeyCallDirection:             "Call-Direction",
	KeyChannelName:               "Channel-Name",
	KeyChannelState:              "Channel-State",
	KeyChannelCallState:          "Channel-Call-State",
	KeyAnswerState:               "Answer-State",
	KeyChannelPresenceID:         "Channel-Presence-ID",
	KeyCallerCallerIDName:        "Caller-Caller-ID-Name",
	KeyCallerCallerIDNumber:      "Caller-Caller-ID-Number",
	KeyCallerDestinationNumber:   "Caller-Destination-Number",
	KeyCallerContext:             "Caller-Context",
	KeyCallerUsername:            "Caller-Username",
	KeyCallerChannelCreatedTime:  "Caller-Channel-Created-Time",
	KeyCallerChannelAnsweredTime: "Caller-Channel-Answered-Time",
	KeyCallerChannelHangupTime:   "Caller-Channel-Hangup-Time",
	KeyCallerChannelBridgedTime:  "Caller-Channel-Bridged-Time",
	KeyHangupCause:               "Hangup-Cause",
	KeyVarSIPHangupDisposition:   "variable_sip_hangup_disposition",
	KeyVarTransferSource:         "variable_transfer_source",
	KeyVarTransferDisposition:    "variable_transfer_disposition",
	KeyVarTransferHistory:        "variable_transfer_history",
	KeyVarEndpointDisposition:    "variable_endpoint_disposition",
	KeyVarLastBridgeTo:           "variable_last_bridge_to",
	KeyVarLastBridgeHangupCause:  "variable_last_bridge_hangup_cause",
	KeyVarBridgeHangupCause:      "variable_bridge_hangup_cause",
	KeyVarCCSide:                 "variable_cc_side",
	KeyVarCCAgent:                "variable_cc_agent",
	KeyVarCCQueue:                "variable_cc_queue",
	KeyVarCCMemberUUID:           "variable_cc_member_uuid",
	KeyVarCCMemberSessionUUID:    "variable_cc_member_session_uuid",
	KeyVarCCQueueJoinedEpoch:     "variable_cc_queue_joined_epoch",
	KeyVarCCAgentBridged:         "variable_cc_agent_bridged",
	KeyVarOtherLoopbackLegUUID:   "variable_other_loopback_leg_uuid",
	KeyVarOtherLoopbackFromUUID:  "variable_other_loopback_from_uuid",
	KeyVarSignalBond:             "variable_signal_bond",
	KeyVarCurrentApplication:     "variable_current_application",
	KeyVarOriginateDisposition:   "variable_originate_disposition",
	KeyVarRTPAudioInMOS:          "variable_rtp_audio_in_mos",
	KeyVarRTPAudioInPackets:      "variable_rtp_audio_in_packet_count",
	KeyCCAction:                  "CC-Action",
	KeyCCQueue:                   "CC-Queue",
	KeyCCAgent:                   "CC-Agent",
	KeyCCAgentStatus:             "CC-Agent-Status",
	KeyCCAgentState:              "CC-Agent-State",
	KeyCCAgentUUID:               "CC-Agent-UUID",
	KeyCCAgentType:               "CC-Agent-Type",
	KeyCCAgentBridged:            "CC-Agent-Bridged",
	KeyCCAgentCalledTime:         "CC-Agent-Called-Time",
	KeyCCAgentAnsweredTime:       "CC-Agent-Answered-Time",
	KeyCCAgentAbortedTime:        "CC-Agent-Aborted-Time",
	KeyCCBridgeTerminatedTime:    "CC-Bridge-Terminated-Time",
	KeyCCMemberUUID:              "CC-Member-UUID",
	KeyCCMemberSessionUUID:       "CC-Member-Session-UUID",
	KeyCCMemberCIDName:           "CC-Member-CID-Name",
	KeyCCMemberCIDNumber:         "CC-Member-CID-Number",
	KeyCCMemberJoinedTime:        "CC-Member-Joined-Time",
	KeyCCMemberLeavingTime:       "CC-Member-Leaving-Time",
	KeyCCCause:                   "CC-Cause",
	KeyCCCancelReason:            "CC-Cancel-Reason",
	KeyCCHangupCause:             "CC-Hangup-Cause",
	KeyCCCount:                   "CC-Count",
	KeyCCAgentContact:            "CC-Agent-Contact",
	KeyCCAgentNoAnswerStatus:     "CC-Agent-No-Answer-Status",
	KeyType:                      "type",
	KeyName:                      "name",
	KeyFilename:                  "filename",
	KeyKey:                       "key",
	KeyEventInfo:                 "Event-Info",
	KeyUpTime:                    "Up-Time",
	KeySessionCount:              "Session-Count",
	KeyFreeSWITCHVersion:         "FreeSWITCH-Version",
	KeyApplication:               "Application",
	KeyApplicationData:           "Application-Data",
	KeyJobUUID:                   "Job-UUID",
	KeyAPICommand:                "API-Command",
	KeyAPICommandArgument:        "API-Command-Argument",
	keyContentLength:             "Content-Length",
	keyBody:                      "_body",
}

// String is the header's name on the wire.
func (k Key) String() string {
	if int(k) < len(keyNames) {
		return keyNames[k]
	}
	return "unknown header"
}

// keySlots is a perfect hash of keyNames: a slot holds a key plus one, or zero.
// TestKeysHashWithoutCollision guards it, and prints a new multiplier when a
// key is added.
var keySlots = fillSlots(keyMultiplier)

const (
	keyMultiplier = 0xb9b81635
	keySlotBits   = 9
)

// keyHash looks at the length and three bytes, chosen so that no two of the
// wanted names agree in all four (Bridge-A-Unique-ID, Bridge-B-Unique-ID).
func keyHash(name []byte, multiplier uint32) uint32 {
	n := uint(len(name))
	h := uint32(n)<<24 | uint32(name[n-1])<<16 | uint32(name[n*7/16])<<8 | uint32(name[n*9/16])
	return h * multiplier >> (32 - keySlotBits)
}

func fillSlots(multiplier uint32) (slots [1 << keySlotBits]uint8) {
	for k, name := range keyNames {
		slots[keyHash([]byte(name), multiplier)] = uint8(k) + 1
	}
	return slots
}

// keyOf returns the key of a header name plus one, or zero: names are
// case-sensitive (mod_callcenter's PRESENCE_IN has a unique-id of its own).
func keyOf(name []byte) uint8 {
	if len(name) == 0 {
		return 0
	}
	k := keySlots[keyHash(name, keyMultiplier)]
	if k != 0 && keyNames[k-1] == string(name) {
		return k
	}
	return 0
}
