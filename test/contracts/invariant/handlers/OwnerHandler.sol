// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "../../../../contracts/libraries/Errors.sol";
import {Handler, Network} from "./Handler.sol";

/// @title The owner, who changes every parameter within its bounds while tasks run
contract OwnerHandler is Handler {
    address private immutable _OWNER;
    address private immutable _SINK;
    address[] private _relays;

    constructor(Network memory network, address owner, address sink, address[] memory relays) Handler(network) {
        (_OWNER, _SINK, _relays) = (owner, sink, relays);
    }

    function decide(uint256 seed) external step(seed) {
        uint256 which = _below(12);
        if (which == 0) _setMinimumStake();
        else if (which == 1) _setUnbonding();
        else if (which == 2) _setPenalty();
        else if (which == 3) _setTimeouts();
        else if (which == 4) _setRevealWindow();
        else if (which == 5) _setUploadWindow();
        else if (which == 6) _setThreshold();
        else if (which == 7) _setErrorFee();
        else if (which == 8) _setMinimumFee();
        else if (which == 9) _distribute();
        else _changeRelays();
    }

    /// @dev One in four goes.
    function _changeRelays() private {
        address relay = _relays[_below(_relays.length)];
        if (_oneIn(4)) {
            bytes4 refusal = MODEL.removeRelay(relay) ? bytes4(0) : Errors.TaskConsensus_RelayUnknown.selector;
            _do("removeRelay", address(CONSENSUS), abi.encodeCall(CONSENSUS.removeRelay, (relay)), refusal);
        } else {
            MODEL.setRelay(relay);
            _do("setRelay", address(CONSENSUS), abi.encodeCall(CONSENSUS.setRelay, (relay, "https://relay.example")), 0);
        }
    }

    function _distribute() private {
        uint256 amountWei = _oneIn(8) ? MODEL.poolWei() + 1 : _below(MODEL.poolWei() + 1);
        bytes4 refusal = MODEL.distribute(amountWei);
        _do("distribute", address(POOL), abi.encodeCall(POOL.distribute, (_SINK, amountWei)), refusal);
    }

    function _setMinimumStake() private {
        uint256 value = _between(1 ether, 500 ether);
        MODEL.setMinimumStake(value);
        _do("setMinimumStake", address(REGISTRY), abi.encodeCall(REGISTRY.setMinimumStake, (value)), 0);
    }

    function _setUnbonding() private {
        uint256 value = _between(30, 6_000);
        bytes4 refusal = MODEL.setUnbonding(value) ? bytes4(0) : Errors.Parameter_UnbondingTooShort.selector;
        _do("setUnbonding", address(REGISTRY), abi.encodeCall(REGISTRY.setUnbonding, (value)), refusal);
    }

    function _setPenalty() private {
        uint256 value = _between(0, 1_000);
        MODEL.setPenalty(value);
        _do("setPenalty", address(REGISTRY), abi.encodeCall(REGISTRY.setPenalty, (value)), 0);
    }

    function _setTimeouts() private {
        uint256 maximum = _between(120, 7_200);
        uint256 minimum = _between(5, 120);
        MODEL.setTimeouts(minimum, maximum);
        _do(
            "setExecutionTimeouts",
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.setExecutionTimeouts, (minimum, maximum)),
            0
        );
    }

    function _setRevealWindow() private {
        uint256 value = _between(10, 900);
        MODEL.setRevealWindow(value);
        _do("setRevealWindow", address(CONSENSUS), abi.encodeCall(CONSENSUS.setRevealWindow, (value)), 0);
    }

    function _setUploadWindow() private {
        uint256 value = _between(10, 900);
        bytes4 refusal = MODEL.setUploadWindow(value) ? bytes4(0) : Errors.Parameter_UnbondingTooShort.selector;
        _do("setUploadWindow", address(CONSENSUS), abi.encodeCall(CONSENSUS.setUploadWindow, (value)), refusal);
    }

    /// @dev Not 1: honest nodes differ by one bit here.
    function _setThreshold() private {
        uint256 value = _between(2, 16);
        MODEL.setThreshold(value);
        _do("setHammingThreshold", address(CONSENSUS), abi.encodeCall(CONSENSUS.setHammingThreshold, (value)), 0);
    }

    function _setErrorFee() private {
        uint256 value = _between(0, 5_000);
        MODEL.setErrorFee(value);
        _do("setErrorFee", address(CONSENSUS), abi.encodeCall(CONSENSUS.setErrorFee, (value)), 0);
    }

    function _setMinimumFee() private {
        uint256 value = _between(3, 1 ether);
        MODEL.setMinimumFee(value);
        _do("setMinimumFee", address(CONSENSUS), abi.encodeCall(CONSENSUS.setMinimumFee, (value)), 0);
    }

    function _do(bytes32 name, address target, bytes memory call, bytes4 refusal) private {
        _perform(name, _OWNER, target, call, refusal);
    }
}
