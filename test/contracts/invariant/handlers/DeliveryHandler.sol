// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tasks} from "../model/Tasks.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Uploaders and relays
/// @notice Relays are honest here: they sign for what they got, and a fault only for files that are wrong.
contract DeliveryHandler is Handler {
    bytes32 private constant _RECEIPT =
        keccak256("UploadReceipt(bytes32 taskId,bytes32 resultDigest,uint64 sizeBytes,address uploader)");
    bytes32 private constant _FAULT = keccak256("UploadFault(bytes32 taskId,bytes32 resultDigest,address uploader)");
    uint64 private constant _SIZE = 1_000;

    bytes32 private immutable _DOMAIN;
    mapping(address relay => uint256) private _keys;

    constructor(Network memory network, uint256[] memory keys) Handler(network) {
        for (uint256 i = 0; i < keys.length; ++i) {
            _keys[vm.addr(keys[i])] = keys[i];
        }
        _DOMAIN = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Crynux"),
                keccak256("1"),
                block.chainid,
                address(network.consensus)
            )
        );
    }

    function upload(uint256 seed) external step(seed) {
        bytes32 taskId = _target(Tasks.Need.Upload);
        Tasks.Job memory job = MODEL.job(taskId);
        address caller = _anyWallet();
        bool waits = job.phase == Tasks.Phase.Awaiting || job.phase == Tasks.Phase.Replacing;
        if (waits && !_oneIn(16)) caller = MODEL.uploaderOf(taskId);
        bytes32 digest = _oneIn(32) ? bytes32(0) : bytes32(_word());
        bool signed = !_oneIn(16);
        // The digest is random, and the relay could not tell: whether the files are right is only decided here.
        bool bad = _oneIn(3);
        bytes memory signature =
            _signature(job.relay, keccak256(abi.encode(_RECEIPT, taskId, digest, _SIZE, caller)), signed);
        _perform(
            "reportUploaded",
            caller,
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.reportUploaded, (taskId, digest, _SIZE, signature)),
            MODEL.reportUploaded(taskId, caller, digest, signed, bad)
        );
    }

    function fault(uint256 seed) external step(seed) {
        bytes32 taskId = _target(Tasks.Need.Fault);
        Tasks.Job memory job = MODEL.job(taskId);
        // A relay says so only where it is so.
        bool signed = job.badUpload && !_oneIn(16);
        address uploader = job.phase == Tasks.Phase.Completed ? MODEL.uploaderOf(taskId) : address(0);
        bytes32 hash = keccak256(abi.encode(_FAULT, taskId, job.digest, uploader));
        bytes memory signature = _signature(job.relay, hash, signed);
        _perform(
            "reportFault",
            _anyWallet(),
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.reportFault, (taskId, job.digest, signature)),
            MODEL.reportFault(taskId, signed)
        );
    }

    /// @dev By the task's relay, or by somebody else.
    function _signature(address relay, bytes32 structHash, bool right) private view returns (bytes memory) {
        uint256 key = right && _keys[relay] != 0 ? _keys[relay] : uint256(0xbad);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", _DOMAIN, structHash)));
        return abi.encodePacked(r, s, v);
    }

    function _target(Tasks.Need need) private returns (bytes32 taskId) {
        if (!_oneIn(8)) (taskId,) = MODEL.pick(_word(), need);
        if (taskId == 0) taskId = _anyTask();
    }
}
